import { open } from 'node:fs/promises';
import { SHARDS_DEFAULT } from '@recant/events';
import { originOf } from '@recant/ledger';
import { ANCHORS_MAX, BrokenRule, HEAD_BYTES_MAX, type LedgerSnapshot, type LogReader, manifestOf } from '@recant/verifier';
import { CliError, EXIT } from '../../terminal/exit.ts';

/** Origins (first lines) of all checkpoints that the verified logs can have, for places that are queried log by log. */
export type Origins = () => Promise<readonly string[]>;

interface Log {
  readonly shard: number;
  readonly epoch: number;
}

/** Of a bundle: all shards of the ledger, also those that the bundle omits. Empty for a file that is no bundle; the verifier reports it. */
export function originsOfBundle(file: string): Origins {
  return async () => {
    try {
      const { ledger, tenant, logs, query } = manifestOf(await readHead(file));
      const { shard } = query;
      return ofLedger(ledger, tenant, logs, logs[0]?.shards, typeof shard === 'number' ? shard : undefined);
    } catch (cause) {
      if (cause instanceof BrokenRule) return [];
      throw cause;
    }
  };
}

/** Of one log, from its published checkpoint. */
export function originsOfLog(log: Pick<LogReader, 'checkpoint'>): Origins {
  return async () => {
    const [first = ''] = Buffer.from(await log.checkpoint())
      .toString('utf8')
      .split('\n', 1);
    const [, name, epoch] = /^(.+)\/e([1-9][0-9]{0,8})$/.exec(first) ?? [];
    return name === undefined ? [] : ofLogs([{ epoch: Number(epoch), origin: (each) => `${name}/e${each}` }]);
  };
}

/** Of a whole ledger. An empty one is assumed to have the default number of shards. */
export function originsOfLedger(ledger: string, tenant: string, readHeads: LedgerSnapshot['heads']): Origins {
  return async () => {
    const heads = await readHeads();
    return ofLedger(ledger, tenant, heads, heads[0]?.shards);
  };
}

function ofLedger(ledger: string, tenant: string, logs: readonly Log[], shards = SHARDS_DEFAULT, only?: number): readonly string[] {
  const epochs = new Map(logs.map(({ shard, epoch }) => [shard, epoch]));
  const wanted = only === undefined ? Array.from({ length: shards }, (_, shard) => shard) : [only];
  return ofLogs(wanted.map((shard) => ({ epoch: epochs.get(shard) ?? 1, origin: (epoch) => originOf(ledger, { tenant, shard }, epoch) })));
}

/** Includes the next epoch of each log: a log restored from a backup does not know that it was opened. */
function ofLogs(logs: readonly { readonly epoch: number; readonly origin: (epoch: number) => string }[]): readonly string[] {
  const count = logs.reduce((sum, { epoch }) => sum + epoch + 1, 0);
  if (count > ANCHORS_MAX)
    throw new CliError(
      EXIT.failed,
      `Too many epochs to query a witness: ${count} requests`,
      'Copy its checkpoints into a folder, and pass that.',
    );
  return logs.flatMap(({ epoch, origin }) => Array.from({ length: epoch + 1 }, (_, at) => origin(at + 1)));
}

async function readHead(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(HEAD_BYTES_MAX);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return head.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
