import type { Pooler } from '../orms/pooler.ts';
import { isSpent, judge, type Outcome, type Stage } from './judge.ts';
import { startService } from './service.ts';
import type { State } from './state.ts';
import { createLogins, createTarget, type Logins } from './target.ts';

/** Services, each with a database of its own: most of the time of a history is spent waiting for the server. */
const AT_ONCE = 3;
/** Histories on one database: plans read what was recorded before on the same rows. */
const HISTORIES_MAX = 30;
/** A machine at its limit makes connections time out: an error, unlike a mismatch, is tried again. */
const ATTEMPTS_MAX = 2;

export interface CampaignOptions {
  /** A superuser of a server of its own, with prepared transactions. */
  readonly adminUrl: string;
  readonly state: State;
  /** First seed that is not played. */
  readonly end: number;
  readonly atOnce?: number;
  /** A transaction pooler for these logins. Default: histories with one connect directly. */
  readonly startPooler?: (adminUrl: string, logins: readonly string[]) => Promise<Pooler>;
  /** Gets all of each history and of its undo. */
  readonly onEnd?: (text: string) => void;
  /** Checked before each history. */
  readonly goesOn: () => boolean;
  /** After each history, in the order of the seeds. */
  readonly onOutcome: (state: State) => Promise<void>;
}

/** Plays the seeds from `state.next` on, and counts what came of them in `state`. */
export async function playAll(options: CampaignOptions): Promise<void> {
  const { adminUrl, state, end, atOnce = AT_ONCE, goesOn, onOutcome, onEnd } = options;
  const logins = await createLogins(adminUrl);
  const pooler = await options.startPooler?.(adminUrl, [logins.person, logins.role, ...logins.agents]);
  const through = (url: string) => pooler?.through(url) ?? url;
  let next = state.next;
  const done = new Map<number, readonly Outcome[]>();
  let writing = Promise.resolve();
  const enter = async () => {
    for (let outcomes = done.get(state.next); outcomes !== undefined; outcomes = done.get(state.next)) {
      done.delete(state.next);
      for (const outcome of outcomes) count(state, outcome);
      state.next += 1;
      await onOutcome(state);
    }
  };
  let starting: Promise<unknown> = Promise.resolve();
  const startNext = () => {
    const place = starting.then(() => createPlace(adminUrl, logins, { through, onEnd }));
    starting = place;
    return place;
  };
  const work = async () => {
    await using place = await startNext();
    while (next < end && goesOn()) {
      const seed = next++;
      done.set(seed, await place.judge(seed));
      writing = writing.then(enter);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  await writing;
  await pooler?.stop();
  await logins.drop();
}

/** A service, and one database after the other. */
async function createPlace(
  adminUrl: string,
  logins: Logins,
  { through, onEnd }: { readonly through: (url: string) => string; readonly onEnd: Stage['onEnd'] },
) {
  const service = await startService(adminUrl);
  const { apiKey } = await service.key({});
  let stage: Stage | undefined;
  let played = 0;
  const leave = async () => {
    if (stage === undefined) return;
    await service.operator.removeSystem(stage.target.system);
    await stage.target.drop();
    stage = undefined;
  };
  const next = async (seed: number): Promise<Stage> => {
    if (isSpent(seed)) await leave();
    return enter();
  };
  const enter = async (): Promise<Stage> => {
    if (stage !== undefined && played < HISTORIES_MAX) return stage;
    await leave();
    const target = await createTarget(adminUrl, logins, through);
    await service.operator.registerSystem({ name: target.system, connector: 'postgres', options: { url: target.url } });
    played = 0;
    stage = { target, service, apiKey, onEnd, next };
    return stage;
  };
  return {
    async judge(seed: number): Promise<readonly Outcome[]> {
      for (let attempt = 1; ; attempt += 1) {
        try {
          const outcomes = await judge(await enter(), seed);
          played += 1;
          if (isSpent(seed) || outcomes.some(({ mismatches }) => mismatches.length > 0)) await leave();
          return outcomes;
        } catch (error) {
          await leave().catch(() => undefined);
          if (attempt === ATTEMPTS_MAX) return [failed(seed, error as Error)];
        }
      }
    },
    async [Symbol.asyncDispose]() {
      await leave();
      await service.stop();
    },
  };
}

const failed = (seed: number, error: Error): Outcome => ({
  seed,
  kinds: [],
  mode: 'skip',
  end: 'error',
  mismatches: [error.stack ?? error.message],
});

function count(state: State, { seed, kinds, mode, end, mismatches }: Outcome): void {
  for (const kind of kinds) {
    const cell = cellOf(kind, mode, end);
    state.counts[cell] = (state.counts[cell] ?? 0) + 1;
  }
  if (mismatches.length > 0) state.failures.push({ seed, text: `${mode}: ${mismatches.join('\n  ')}` });
}

export const cellOf = (kind: string, mode: string, end: string): string => `${kind} × ${mode} × ${end}`;
