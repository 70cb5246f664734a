import type { RecantEvent } from '@recant/events';
import { decodeFrame, type LogKey, project } from '@recant/ledger';
import type pg from 'pg';
import { ProjectedRows } from './rows.ts';
import { EntryFault } from './stopped.ts';

/** Bytes of frames in one window; a window has at least one entry. */
const BYTES_MAX = 4_194_304;

/** octet_length reads no frame that is stored apart. */
const ENTRIES = `SELECT idx, source_no, sequence, frame FROM (
    SELECT idx, source_no, sequence, frame, sum(octet_length(frame)) OVER (ORDER BY idx) - octet_length(frame) AS bytes_before
    FROM (SELECT idx, source_no, sequence, frame FROM recant.entry WHERE tenant_id = $1 AND shard = $2 AND idx >= $3 AND idx < $4 ORDER BY idx LIMIT $5) candidate) w
  WHERE bytes_before < ${BYTES_MAX} ORDER BY idx`;

/** Bigints are text. */
interface EntryRow {
  readonly idx: string;
  readonly source_no: string | null;
  readonly sequence: string | null;
  readonly frame: Buffer;
}

export interface Window {
  readonly rows: ProjectedRows;
  /** First entry behind it. */
  readonly end: bigint;
}

/** What the next entries of a log, at most `most`, add to the read models, up to the first that cannot be read. @throws EntryFault if that is entry `from` */
export async function readWindow(
  client: pg.ClientBase,
  { tenant, shard }: LogKey,
  { from, size, most }: { readonly from: bigint; readonly size: bigint; readonly most: number },
): Promise<Window> {
  const { rows } = await client.query<EntryRow>({ name: 'recant-window', text: ENTRIES, values: [tenant, shard, from, size, most] });
  return layOut({ tenant, shard }, rows, from);
}

function layOut(log: LogKey, entries: readonly EntryRow[], from: bigint): Window {
  if (entries.length === 0) throw new EntryFault(log, from, 'is missing');
  const rows = new ProjectedRows();
  for (const [n, entry] of entries.entries()) {
    const index = from + BigInt(n);
    try {
      if (BigInt(entry.idx) !== index) throw new EntryFault(log, index, 'is missing');
      addEntry(rows, log, entry);
    } catch (cause) {
      if (n > 0) return layOut(log, entries.slice(0, n), from);
      throw cause instanceof EntryFault ? cause : new EntryFault(log, index, `cannot be read (${(cause as Error).message})`, { cause });
    }
  }
  return { rows, end: from + BigInt(entries.length) };
}

/** @throws if the entry is not what the ledger writes */
function addEntry(rows: ProjectedRows, { tenant, shard }: LogKey, { idx, source_no, sequence, frame }: EntryRow): void {
  const decoded = decodeFrame(frame);
  if (decoded === undefined) throw new TypeError('no frame');
  if (decoded.kind !== 'event') return;
  if (source_no === null || sequence === null) throw new TypeError('an event without a source');
  const { keyId, receivedAtMs, body } = decoded;
  // Admitted when it was appended, hence not validated again.
  const event = JSON.parse((body as Buffer).toString()) as RecantEvent;
  rows.add(
    { tenant, shard, idx: Number(idx), receivedAtMs },
    { sourceNo: Number(source_no), sequence: Number(sequence), keyId },
    project(event),
  );
}
