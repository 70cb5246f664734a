import type { Pooler } from '../orms/pooler.ts';
import type { BrokenKind } from './broken.ts';
import { isSpent, judge, type Outcome, type Stage } from './judge.ts';
import { startService } from './service.ts';
import { createLogins, createTarget, createTemplate, type Logins, type Template } from './target.ts';

/** Histories on one database: plans read what was recorded before on the same rows. */
const HISTORIES_MAX = 60;
/** A machine at its limit makes connections time out: an error, unlike a mismatch, is tried again. */
const ATTEMPTS_MAX = 2;

/** What all places of a campaign share. Plain values, so that a thread gets a copy. */
export interface Ground {
  /** A superuser of a server of its own, with prepared transactions. */
  readonly adminUrl: string;
  readonly logins: Logins;
  readonly template: Pick<Template, 'database'>;
  /** Host and port of a transaction pooler for these logins. Without one, histories with a pooler connect directly. */
  readonly pooler: string | undefined;
}
export interface GroundOptions {
  readonly adminUrl: string;
  readonly startPooler?: (adminUrl: string, logins: readonly string[]) => Promise<Pooler>;
}

export async function createGround({ adminUrl, startPooler }: GroundOptions): Promise<Ground & { drop(): Promise<void> }> {
  const { drop, ...logins } = await createLogins(adminUrl);
  const template = await createTemplate(adminUrl, logins);
  const pooler = await startPooler?.(adminUrl, [logins.person, logins.role, ...logins.agents]);
  return {
    adminUrl,
    logins,
    template: { database: template.database },
    pooler: pooler && new URL(pooler.through(adminUrl)).host,
    async drop() {
      await pooler?.stop();
      await template.drop();
      await drop();
    },
  };
}

export interface Place {
  /** @param broken what is broken on purpose, so that the oracle has to see it */
  judge(seed: number, broken?: BrokenKind): Promise<readonly Outcome[]>;
  close(): Promise<void>;
}
export interface PlaceOptions {
  /** Gets all of each history and of its undo. */
  readonly onEnd?: ((text: string) => void) | undefined;
  /** Plays and judges one history; default: as `test:histories` does. */
  readonly judge?: (stage: Stage, seed: number) => Promise<readonly Outcome[]>;
}

/** A service, and one database after the other. */
export async function createPlace(ground: Ground, { onEnd, judge: judgeOne = judge }: PlaceOptions = {}): Promise<Place> {
  const { adminUrl, logins, template, pooler } = ground;
  const through = (url: string) => (pooler === undefined ? url : Object.assign(new URL(url), { host: pooler }).href);
  const service = await startService(adminUrl);
  const { apiKey } = await service.key({});
  let stage: Stage | undefined;
  let played = 0;
  /** What the verifier found wrong with the ledger of all histories so far. */
  const findings: string[] = [];
  const leave = async () => {
    if (stage === undefined) return;
    const { target } = stage;
    stage = undefined;
    for (const finding of await service.audit()) findings.push(`The ledger does not verify: ${JSON.stringify(finding)}`);
    await service.operator.removeSystem(target.system);
    await target.drop();
  };
  const enter = async (): Promise<Stage> => {
    if (stage !== undefined && played < HISTORIES_MAX) return stage;
    await leave();
    const target = await createTarget(adminUrl, logins, template, through);
    await service.operator.registerSystem({ name: target.system, connector: 'postgres', options: { url: target.url } });
    played = 0;
    stage = { target, service, apiKey, onEnd, next, isLeft: true };
    return stage;
  };
  /** The history has altered its table. */
  const spend = async (seed: number) => {
    if (stage !== undefined && judgeOne === judge && isSpent(seed) && !stage.target.alter()) await leave();
  };
  const next = async (seed: number): Promise<Stage> => {
    await spend(seed);
    return enter();
  };
  return {
    async judge(seed, broken): Promise<readonly Outcome[]> {
      for (let attempt = 1; ; attempt += 1) {
        try {
          const outcomes = await judgeOne(Object.assign(await enter(), { broken }), seed);
          played += 1;
          if (outcomes.some(({ mismatches }) => mismatches.length > 0)) await leave();
          else await spend(seed);
          return findings.length > 0 ? [...outcomes, failed(seed, findings.splice(0))] : outcomes;
        } catch (error) {
          await leave().catch(() => undefined);
          if (attempt === ATTEMPTS_MAX) return [failed(seed, [(error as Error).stack ?? String(error)])];
        }
      }
    },
    async close() {
      try {
        await leave();
      } finally {
        await service.stop();
      }
      if (findings.length > 0) throw new Error(findings.join('\n'));
    },
  };
}

export const failed = (seed: number, mismatches: readonly string[]): Outcome => ({
  seed,
  kinds: [],
  mode: 'skip',
  end: 'error',
  mismatches,
});
