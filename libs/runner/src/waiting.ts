import type { Clock, RunnerConfig, RunWait, StepFinding } from './ports.ts';

/** What a worker tries again later: systems that do not answer, steps whose rows somebody holds. */
export interface Waiting {
  /** Called where a system did not answer. False: it has not for too long, so that a person decides. */
  postponeSystem(system: string, finding: StepFinding): boolean;
  /** Called where a step met a lock. False: it has for too long. */
  postponeStep(step: number): boolean;
  answered(system: string): void;
  isAway(system: string): boolean;
  isLocked(step: number): boolean;
  /** Milliseconds until the first of them is due; undefined: nothing waits. */
  dueMs(): number | undefined;
  /** Systems, for the next worker and for people. */
  readonly systems: readonly RunWait[];
}

interface Tried {
  readonly sinceMs: number;
  readonly tries: number;
  readonly untilMs: number;
}

/** First delay before a locked step is tried again, doubled each time, and the last one. */
const LOCK_RETRY_MS = 500;
const LOCK_RETRY_MS_MAX = 5_000;

export function createWaiting(known: readonly RunWait[], clock: Pick<Clock, 'now'>, config: RunnerConfig): Waiting {
  const systems = new Map<string, RunWait>(known.map((wait) => [wait.system, wait]));
  const steps = new Map<number, Tried>();
  const next = (tried: Tried | undefined, delayMs: number, delayMsMax: number, patienceMs: number): Tried | undefined => {
    const now = clock.now();
    const [sinceMs, tries] = [tried?.sinceMs ?? now, tried?.tries ?? 0];
    if (now - sinceMs >= patienceMs) return undefined;
    return { sinceMs, tries: tries + 1, untilMs: now + Math.min(delayMs * 2 ** Math.min(tries, 16), delayMsMax) };
  };
  const isDue = (tried: Tried | undefined): boolean => tried === undefined || tried.untilMs <= clock.now();
  return {
    postponeSystem(system, { detail }) {
      const tried = next(systems.get(system), config.awayRetryMs, config.awayRetryMsMax, config.awayMs);
      if (tried === undefined) systems.delete(system);
      else systems.set(system, { ...tried, for: 'system', system, detail });
      return tried !== undefined;
    },
    postponeStep(step) {
      const tried = next(steps.get(step), LOCK_RETRY_MS, LOCK_RETRY_MS_MAX, config.lockMs);
      if (tried === undefined) steps.delete(step);
      else steps.set(step, tried);
      return tried !== undefined;
    },
    answered: (system) => void systems.delete(system),
    isAway: (system) => !isDue(systems.get(system)),
    isLocked: (step) => !isDue(steps.get(step)),
    dueMs() {
      const untils = [...systems.values(), ...steps.values()].map(({ untilMs }) => untilMs - clock.now()).filter((ms) => ms > 0);
      return untils.length === 0 ? undefined : Math.min(...untils);
    },
    get systems() {
      return [...systems.values()];
    },
  };
}
