import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import { type Actor, OPERATOR_TENANT } from '@recant/events';
import { createAnchorWatch, createLogGuard } from '@recant/ledger';
import { type ActRecorder, createLogger } from '@recant/service';
import { createLedgerActs } from '@recant/service-ledger/wire';
import { createAppender, createPool, createPublishStore, withSnapshot } from '@recant/store';
import type { World } from '../terminal/session.ts';

export interface LocalActs {
  readonly acts: ActRecorder;
  close(): Promise<void>;
}

/** Actor of acts that bypass the service: the login of this machine. */
export const localActor = (): Actor => ({ id: `local:${userInfo().username}` });

/** Records acts of commands that use the ledger's database directly, in the same logs and under the same rules. @throws if the database is unreachable, or has no log of the tenant */
export async function openLocalActs(databaseUrl: string, tenant: string, { nowMs, err }: World): Promise<LocalActs> {
  // An append keeps its connection while the guard reads over the other one.
  const pool = createPool(databaseUrl, 1);
  const reading = createPool(databaseUrl, 1);
  const end = async () => void (await Promise.all([pool.end(), reading.end()]));
  try {
    const [log] = await withSnapshot(pool, tenant, (snapshot) => snapshot.heads());
    if (log === undefined) throw new Error(`the ledger has no log for tenant ${tenant} yet`);
    const logger = createLogger({ name: 'recant', level: 'warn', destination: { write: (line) => void err.write(line) } });
    const watch = createAnchorWatch('', [], nowMs);
    const guard = createLogGuard({ store: createPublishStore(reading), watch, clock: nowMs, alarm: () => {} });
    const appender = createAppender(pool, { clock: nowMs, shards: log.shards, systemTenant: OPERATOR_TENANT, guard });
    const groupCommit = { submit: appender.append };
    const acts = createLedgerActs({ groupCommit, logger, clock: nowMs, random16: () => randomBytes(16) });
    return {
      acts,
      async close() {
        await acts.close();
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}
