import { randomBytes, randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import type { JsonObject } from '@recant/events';
import { createAnchorWatch, createLogGuard, LedgerTampered } from '@recant/ledger';
import { createLogger } from '@recant/service';
import { createLedgerActs } from '@recant/service-ledger/wire';
import { createAppender, createPool, createPublishStore, OPERATOR_TENANT } from '@recant/store';
import type { BundleSource } from '@recant/verifier';
import type { World } from '../cli/session.ts';
import type { LedgerPlace } from './ledger-place.ts';

export interface ExportRecord extends AsyncDisposable {
  /** Told before the file gets its name: what is there under it is recorded. */
  done(detail: JsonObject): Promise<void>;
}

/** Logs that are listed one by one in the record: an entry has its limit. */
const LOGS_LISTED_MAX = 100;

/** Who exports what is an entry of the tenant's log before anything is written. A log that was tampered with takes none: then it is said, and evidence of it can still be written. */
export async function recordExport(
  place: LedgerPlace,
  source: BundleSource,
  range: { readonly shard: number | undefined; readonly from: number | undefined },
  world: World,
): Promise<ExportRecord> {
  const { acts, close } = openActs(place, source.logs[0]?.shards ?? 1, world);
  const target = {
    tenant: place.tenant,
    ...(range.shard === undefined ? {} : { shard: range.shard }),
    ...(range.from === undefined ? {} : { from: range.from }),
  };
  const act = { tenant: place.tenant, operation: 'export', by: `local:${userInfo().username}`, target, request: randomUUID() };
  try {
    const end = await acts.order(act);
    let ended = false;
    return {
      async done(detail) {
        ended = true;
        await end({ outcome: 'done', detail: { ...detail, logs: logsOf(source) } });
      },
      async [Symbol.asyncDispose]() {
        if (!ended) await end({ outcome: 'failed', code: 'interrupted' });
        await close();
      },
    };
  } catch (error) {
    await close();
    if (!(error instanceof LedgerTampered)) throw error;
    world.err.write(`This export is not recorded, because no log takes an entry: ${error.message}\n`);
    return { done: async () => {}, [Symbol.asyncDispose]: async () => {} };
  }
}

function openActs({ databaseUrl }: LedgerPlace, shards: number, { nowMs, err }: World) {
  const pool = createPool(databaseUrl, 1);
  const logger = createLogger({ name: 'recant', level: 'warn', destination: { write: (line) => void err.write(line) } });
  const watch = createAnchorWatch('', [], nowMs);
  const guard = createLogGuard({ store: createPublishStore(pool), watch, clock: nowMs, alarm: () => {} });
  const appender = createAppender(pool, { clock: nowMs, shards, systemTenant: OPERATOR_TENANT, guard: guard.admit });
  const groupCommit = { submit: appender.append };
  const acts = createLedgerActs({ groupCommit, logger, clock: nowMs, random16: () => randomBytes(16) });
  return {
    acts,
    async close() {
      await acts.close();
      await pool.end();
    },
  };
}

function logsOf({ logs }: BundleSource): JsonObject | readonly JsonObject[] {
  if (logs.length > LOGS_LISTED_MAX) return { count: logs.length };
  return logs.map(({ shard, from, size }) => ({ shard, from: String(from), size: String(size) }));
}
