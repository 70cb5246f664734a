import { ConnectorError, type InverseBatch, type InverseResult, type TargetSystem } from '@recant/connector';
import type { RunnerConfig, RunnerPorts, StepFinding } from './ports.ts';
import { type EndedResult, hasEnded } from './step-end.ts';

/** A target failed or did not answer after all tries. A value, not an exception: steps become `stuck`, the run continues. */
export interface Silent {
  readonly silent: StepFinding;
}

export function isSilent<T>(answer: T | Silent): answer is Silent {
  return typeof answer === 'object' && answer !== null && 'silent' in answer;
}

/** Retries an idempotent call; waits double from `retryMs`. */
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

export interface Inverted {
  readonly results: readonly EndedResult[];
  /** Steps that wrote nothing and wait for a person. */
  readonly stuck: readonly InverseResult[];
  /** Why other steps have no result. */
  readonly left?: Silent;
}

/** Inverts. After a lost answer the target is asked for its recorded results (`applied`) before the remaining steps are sent again. */
export async function invert(
  ports: Pick<RunnerPorts, 'clock'>,
  config: RunnerConfig,
  target: TargetSystem,
  batch: InverseBatch,
): Promise<Inverted> {
  const results = new Map<number, EndedResult>();
  const stuck = new Map<number, InverseResult>();
  const add = (result: InverseResult) => (hasEnded(result) ? results.set(result.step, result) : stuck.set(result.step, result));
  const isAnswered = (step: number) => results.has(step) || stuck.has(step);
  const all = () => ({ results: [...results.values()], stuck: [...stuck.values()] });
  for (let attempt = 1; ; attempt++) {
    const rest = batch.steps.filter(({ step }) => !isAnswered(step));
    if (rest.length === 0) return all();
    let silent: Silent;
    try {
      for (const result of await target.invert({ ...batch, steps: rest })) add(result);
      const missing = batch.steps.find(({ step }) => !isAnswered(step));
      if (!missing) return all();
      silent = {
        silent: { code: 'unreachable', system: target.name, detail: `The connector returned no result for step ${missing.step}.` },
      };
    } catch (error) {
      silent = { silent: silence(target.name, error) };
      const applied = await ask(ports, config, target.name, () =>
        target.applied(
          batch.run,
          rest.map(({ step }) => step),
        ),
      );
      if (isSilent(applied)) return { ...all(), left: applied };
      for (const result of applied) add(result);
      if (!(error instanceof ConnectorError && error.retry)) attempt = config.tries;
    }
    if (attempt >= config.tries) return { ...all(), ...(batch.steps.every(({ step }) => isAnswered(step)) ? {} : { left: silent }) };
    await ports.clock.sleep(config.retryMs * 2 ** (attempt - 1));
  }
}

function silence(system: string, error: unknown): StepFinding {
  const code = error instanceof ConnectorError ? `${error.code}: ` : '';
  return { code: 'unreachable', system, detail: `${code}${error instanceof Error ? error.message : String(error)}`.slice(0, 1_000) };
}
