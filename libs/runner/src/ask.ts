import { ConnectorError, type InverseBatch, type InverseResult, type InverseStep, type TargetSystem } from '@recant/connector';
import type { RunnerConfig, RunnerPorts, StepFinding } from './ports.ts';
import { type EndedResult, hasEnded } from './step-end.ts';

/** A target failed or did not answer after all tries. A value, not an exception: the run continues elsewhere. */
export interface Silent {
  readonly silent: StepFinding;
  /** It may answer by itself later: the connection was lost, or the whole target takes no writes at the moment. */
  readonly isAway: boolean;
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
      if (attempt >= config.tries || !isPassing(error)) return silentOf(system, error);
      await ports.clock.sleep(config.retryMs * 2 ** (attempt - 1));
    }
  }
}

export interface Inverted {
  readonly results: readonly EndedResult[];
  /** Steps that wrote nothing: they wait for a lock, or for a person. */
  readonly stuck: readonly InverseResult[];
  /** Why other steps have no result. */
  readonly left?: Silent;
}

/**
 * Inverts. After a lost answer the target is asked for its recorded results (`applied`) before the remaining steps are sent again. Where a target answers, but
 * its connection is lost each time, or fails with an error of its own, the steps are bisected to the one that does it.
 */
export async function invert(
  ports: Pick<RunnerPorts, 'clock'>,
  config: RunnerConfig,
  target: TargetSystem,
  batch: InverseBatch,
): Promise<Inverted> {
  const results = new Map<number, EndedResult>();
  const stuck = new Map<number, InverseResult>();
  const add = (result: InverseResult) => (hasEnded(result) ? results.set(result.step, result) : stuck.set(result.step, result));
  const open = (steps: readonly InverseStep[]) => steps.filter(({ step }) => !results.has(step) && !stuck.has(step));
  const send = async (steps: readonly InverseStep[], wasLost: boolean): Promise<Silent | undefined> => {
    const failure = await sendOnce(target, { ...batch, steps }, add);
    const unanswered = open(steps);
    if (unanswered.length === 0) return undefined;
    const numbers = unanswered.map(({ step }) => step);
    const applied = await ask(ports, config, target.name, () => target.applied(batch.run, numbers, batch.token));
    if (isSilent(applied)) return applied;
    for (const result of applied) add(result);
    const [first, ...more] = open(unanswered);
    if (first === undefined) return undefined;
    const isLost = failure instanceof ConnectorError && failure.code === 'unreachable';
    if (failure instanceof ConnectorError && !isLost) return silentOf(target.name, failure);
    if (isLost && !wasLost) {
      await ports.clock.sleep(config.retryMs);
      return send([first, ...more], true);
    }
    if (more.length === 0) return void add(failing(first, failure));
    const half = (more.length + 1) >> 1;
    return (await send([first, ...more.slice(0, half - 1)], isLost)) ?? send(more.slice(half - 1), isLost);
  };
  const left = batch.steps.length === 0 ? undefined : await send(batch.steps, false);
  return { results: [...results.values()], stuck: [...stuck.values()], ...(left && { left }) };
}

/** @returns why steps have no result */
async function sendOnce(target: TargetSystem, batch: InverseBatch, add: (result: InverseResult) => unknown): Promise<unknown> {
  try {
    for (const result of await target.invert(batch)) add(result);
    return new Error('The connector returned no result.');
  } catch (error) {
    return error;
  }
}

/** A step with which its target fails each time. */
function failing({ step, effects }: InverseStep, error: unknown): InverseResult {
  const [effect] = effects;
  const address = { resource: effect?.resource ?? '', part: Object.keys(effect?.parts ?? {})[0] ?? 'exists' };
  return { step, outcome: 'stuck', effects: [], residue: [], findings: [{ ...address, code: 'target_error', detail: textOf(error) }] };
}

const isPassing = (error: unknown): boolean => error instanceof ConnectorError && error.retry;

function silentOf(system: string, error: unknown): Silent {
  const code = error instanceof ConnectorError ? `${error.code}: ` : '';
  return { silent: { code: 'unreachable', system, detail: `${code}${textOf(error)}`.slice(0, 1_000) }, isAway: isPassing(error) };
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 900);
