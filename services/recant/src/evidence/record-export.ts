import { randomUUID } from 'node:crypto';
import type { JsonObject } from '@recant/events';
import { LedgerTampered } from '@recant/ledger';
import type { BundleSource } from '@recant/verifier';
import { localUser, openLocalActs } from '../folder/local-acts.ts';
import type { World } from '../terminal/session.ts';
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
  const { acts, close } = await openLocalActs(place.databaseUrl, place.tenant, world);
  const target = {
    tenant: place.tenant,
    ...(range.shard === undefined ? {} : { shard: range.shard }),
    ...(range.from === undefined ? {} : { from: range.from }),
  };
  const act = { tenant: place.tenant, operation: 'export', by: localUser(), target, request: randomUUID() };
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

function logsOf({ logs }: BundleSource): JsonObject | readonly JsonObject[] {
  if (logs.length > LOGS_LISTED_MAX) return { count: logs.length };
  return logs.map(({ shard, from, size }) => ({ shard, from: String(from), size: String(size) }));
}
