import { ConnectorError, type InverseBatch, type InverseResult, type TargetSystem } from '@recant/connector';
import type { RunnerConfig, RunnerPorts, StepFinding } from './ports.ts';

/** A target that does not answer, after all tries. A value: it makes steps `stuck`, it does not end the run. */
export interface Silent {
  readonly silent: StepFinding;
}

export function isSilent<T>(answer: T | Silent): answer is Silent {
  return typeof answer === 'object' && answer !== null && 'silent' in answer;
}

/** Tries a call that may be repeated. */
export async function ask<T>(
  ports: Pick<RunnerPorts, 'clock'>,
  config: RunnerConfig,
  system: string,
  call: () => Promise<T>,
): Promise<T | Silent> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (attempt >= config.tries || !(error instanceof ConnectorError && error.retry)) return { silent: silence(system, error) };
      await ports.clock.sleep(config.retryMs * 2 ** (attempt - 1));
    }
  }
}

/** Inverts, and after a lost answer asks for the target's own evidence before it sends what is left again (DESIGN 8.4). */
export async function invert(
  ports: Pick<RunnerPorts, 'clock'>,
  config: RunnerConfig,
  target: TargetSystem,
  batch: InverseBatch,
): Promise<{ readonly results: readonly InverseResult[]; readonly left?: Silent }> {
  const results = new Map<number, InverseResult>();
  for (let attempt = 1; ; attempt++) {
    const rest = batch.steps.filter(({ step }) => !results.has(step));
    if (rest.length === 0) return { results: [...results.values()] };
    let silent: Silent;
    try {
      for (const result of await target.invert({ ...batch, steps: rest })) results.set(result.step, result);
      const missing = batch.steps.find(({ step }) => !results.has(step));
      if (!missing) return { results: [...results.values()] };
      silent = { silent: { code: 'unreachable', system: target.name, detail: `The connector gave no result for step ${missing.step}.` } };
    } catch (error) {
      silent = { silent: silence(target.name, error) };
      const applied = await ask(ports, config, target.name, () =>
        target.applied(
          batch.run,
          rest.map(({ step }) => step),
        ),
      );
      if (isSilent(applied)) return { results: [...results.values()], left: applied };
      for (const result of applied) results.set(result.step, result);
      if (!(error instanceof ConnectorError && error.retry)) attempt = config.tries;
    }
    if (attempt >= config.tries) return { results: [...results.values()], ...(results.size < batch.steps.length ? { left: silent } : {}) };
    await ports.clock.sleep(config.retryMs * 2 ** (attempt - 1));
  }
}

function silence(system: string, error: unknown): StepFinding {
  const code = error instanceof ConnectorError ? `${error.code}: ` : '';
  return { code: 'unreachable', system, detail: `${code}${error instanceof Error ? error.message : String(error)}`.slice(0, 1_000) };
}
