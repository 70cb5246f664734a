import { randomUUID } from 'node:crypto';
import type { JsonObject } from '@recant/events';
import { LedgerTampered } from '@recant/ledger';
import type { BundleSource } from '@recant/verifier';
import { localActor, openLocalActs } from '../folder/local-acts.ts';
import type { World } from '../terminal/session.ts';
import type { LedgerPlace } from './ledger-place.ts';

export interface ExportRecord extends AsyncDisposable {
  /** Call before the file gets its final name: a file with that name is always recorded. */
  done(detail: JsonObject): Promise<void>;
}

/** Logs that the entry lists; more are only counted, as entries have a size limit. */
const LOGS_LISTED_MAX = 100;

/** Records the export as an act before anything is written. A tampered log takes no entries: then a warning is printed, and the evidence is exported anyway. */
export async function recordExport(
  place: LedgerPlace,
  source: BundleSource,
  wanted: { readonly shard: number | undefined; readonly from: number | undefined; readonly reason: string | undefined },
  world: World,
): Promise<ExportRecord> {
  const { acts, close } = await openLocalActs(place.databaseUrl, place.tenant, world);
  const { shard, from, reason } = wanted;
  const object = { tenant: place.tenant, ...(shard === undefined ? {} : { shard }), ...(from === undefined ? {} : { from }) };
  const why = reason === undefined ? {} : { reason };
  const act = { tenant: place.tenant, operation: 'export', actor: localActor(), object, ...why, request: randomUUID() };
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
    world.err.write(`Warning: this export is not recorded, because the log refuses new entries: ${error.message}\n`);
    return { done: async () => {}, [Symbol.asyncDispose]: async () => {} };
  }
}

function logsOf({ logs }: BundleSource): JsonObject | readonly JsonObject[] {
  if (logs.length > LOGS_LISTED_MAX) return { count: logs.length };
  return logs.map(({ shard, from, size }) => ({ shard, from: String(from), size: String(size) }));
}
