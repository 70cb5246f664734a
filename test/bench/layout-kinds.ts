import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import { CopyWriter } from '../../libs/store/src/copy/copy-writer.ts';

export const TENANT = 'bench';
const SEGMENT_BYTES = 65_536;
/** Fits into one page of a table. */
const INLINE_SEGMENT_BYTES = 7_680;

export interface Entry {
  /** Number of the source. */
  readonly source: number;
  readonly sequence: number;
  readonly eventId: string;
  readonly frame: Buffer;
  readonly leaf: Uint8Array;
}

/** Entries of one transaction and log, by source. */
export interface Batch {
  readonly log: number;
  readonly first: number;
  readonly entries: readonly Entry[];
}

export interface Rows {
  readonly copy: string;
  readonly data: Buffer;
}

/** A way to store entries with their leaves and what finds a repeated event. */
export interface Layout {
  readonly name: string;
  readonly tables: string;
  encode(batch: Batch): Promise<readonly Rows[]>;
  /** SQL with the log and an index as parameters. */
  readonly read: string;
  /** Of one row of `read`. */
  frameOf(row: Record<string, unknown>, index: number): Promise<Uint8Array>;
}

const compress = promisify(zstdCompress);
export const decompress = promisify(zstdDecompress);

function table(copy: string, write: (writer: CopyWriter) => void, bytes = 0): Rows {
  const writer = new CopyWriter(bytes);
  write(writer);
  return { copy: `COPY ${copy} FROM STDIN (FORMAT binary)`, data: writer.finish() };
}

const sizeOf = (entries: readonly Entry[]) => entries.reduce((sum, { frame }) => sum + frame.length + 100, 0);

export const bytesOnly: Layout = {
  name: 'limit: (log, index, bytes) with its key',
  tables: 'CREATE TABLE bytes_only (log int, idx bigint, frame bytea, PRIMARY KEY (log, idx))',
  encode: async ({ log, first, entries }) => [
    table(
      'bytes_only',
      (writer) => {
        for (const [n, { frame }] of entries.entries()) {
          writer.row(3);
          writer.int32(log);
          writer.int64(first + n);
          writer.bytes(frame);
        }
      },
      sizeOf(entries),
    ),
  ],
  read: 'SELECT frame FROM bytes_only WHERE log = $1 AND idx = $2',
  frameOf: async ({ frame }) => frame as Buffer,
};

export const eventIds: Layout = {
  name: 'a row an entry, unique key of event ids',
  tables: `CREATE TABLE by_id (tenant_id text COLLATE "C" NOT NULL, shard smallint NOT NULL, idx bigint NOT NULL, source_no bigint, event_id text COLLATE "C",
      sequence bigint, leaf bytea NOT NULL, frame bytea NOT NULL, PRIMARY KEY (tenant_id, shard, idx));
    CREATE UNIQUE INDEX ON by_id (tenant_id, source_no, event_id) INCLUDE (sequence, idx)`,
  encode: async ({ log, first, entries }) => [
    table(
      'by_id',
      (writer) => {
        for (const [n, entry] of entries.entries()) {
          writer.row(8);
          writer.text(TENANT);
          writer.int16(log);
          writer.int64(first + n);
          writer.int64(entry.source);
          writer.text(entry.eventId);
          writer.int64(entry.sequence);
          writer.bytes(entry.leaf);
          writer.bytes(entry.frame);
        }
      },
      sizeOf(entries),
    ),
  ],
  read: `SELECT frame FROM by_id WHERE tenant_id = '${TENANT}' AND shard = $1 AND idx = $2`,
  frameOf: async ({ frame }) => frame as Buffer,
};

/** Numbers of a source that stand together in its log. */
const spanTable = (name: string) =>
  `CREATE TABLE ${name} (source bigint, first bigint, count int, log int, idx bigint, PRIMARY KEY (source, first))`;
const leafTable = (name: string) => `CREATE TABLE ${name} (log int, first bigint, hashes bytea, PRIMARY KEY (log, first));
  ALTER TABLE ${name} ALTER hashes SET STORAGE EXTERNAL`;

function spansOf(name: string, { log, first, entries }: Batch): Rows {
  return table(name, (writer) => {
    for (let from = 0; from < entries.length; ) {
      const { source, sequence } = entries[from] as Entry;
      let to = from + 1;
      while (entries[to]?.source === source && entries[to]?.sequence === sequence + to - from) to += 1;
      writer.row(5);
      writer.int64(source);
      writer.int64(sequence);
      writer.int32(to - from);
      writer.int32(log);
      writer.int64(first + from);
      from = to;
    }
  });
}

/** Leaves of a transaction in pieces that fit into a page. */
const LEAVES_PER_ROW = 128;

function leavesOf(name: string, { log, first, entries }: Batch): Rows {
  return table(name, (writer) => {
    for (let at = 0; at < entries.length; at += LEAVES_PER_ROW) {
      writer.row(3);
      writer.int32(log);
      writer.int64(first + at);
      writer.bytes(Buffer.concat(entries.slice(at, at + LEAVES_PER_ROW).map(({ leaf }) => leaf)));
    }
  });
}

const rowsAndSpans: Layout = {
  name: 'a row an entry, spans of numbers',
  tables: `CREATE TABLE by_span (log int, idx bigint, frame bytea, PRIMARY KEY (log, idx)); ${spanTable('by_span_span')}; ${leafTable('by_span_leaf')}`,
  encode: async (batch) => [
    ...(await bytesOnly.encode(batch)).map((rows) => ({ ...rows, copy: rows.copy.replace('bytes_only', 'by_span') })),
    spansOf('by_span_span', batch),
    leavesOf('by_span_leaf', batch),
  ],
  read: 'SELECT frame FROM by_span WHERE log = $1 AND idx = $2',
  frameOf: async ({ frame }) => frame as Buffer,
};

/** Frames one after the other, each behind its length. */
function cut(entries: readonly Entry[], bytesMax: number): { readonly at: number; readonly count: number; readonly bytes: Buffer }[] {
  const segments: { at: number; count: number; bytes: Buffer }[] = [];
  for (let at = 0; at < entries.length; ) {
    const pieces: Buffer[] = [];
    let size = 0;
    let count = 0;
    for (; at + count < entries.length; count += 1) {
      const { frame } = entries[at + count] as Entry;
      if (count > 0 && size + frame.length + 4 > bytesMax) break;
      const length = Buffer.alloc(4);
      length.writeUInt32BE(frame.length);
      pieces.push(length, frame);
      size += frame.length + 4;
    }
    segments.push({ at, count, bytes: Buffer.concat(pieces, size) });
    at += count;
  }
  return segments;
}

function frameIn(segment: Buffer, n: number): Uint8Array {
  let at = 0;
  for (let skipped = 0; skipped < n; skipped += 1) at += 4 + segment.readUInt32BE(at);
  return segment.subarray(at + 4, at + 4 + segment.readUInt32BE(at));
}

function segments(prefix: string, label: string, bytesMax: number, storage: 'PLAIN' | 'EXTERNAL', isCompressed: boolean): Layout {
  return {
    name: `${label}, spans of numbers`,
    tables: `CREATE TABLE ${prefix} (log int, first bigint, count int, frames bytea, PRIMARY KEY (log, first));
      ALTER TABLE ${prefix} ALTER frames SET STORAGE ${storage}; ${spanTable(`${prefix}_span`)}; ${leafTable(`${prefix}_leaf`)}`,
    async encode(batch) {
      const writer = new CopyWriter(sizeOf(batch.entries));
      for (const { at, count, bytes } of cut(batch.entries, bytesMax)) {
        writer.row(4);
        writer.int32(batch.log);
        writer.int64(batch.first + at);
        writer.int32(count);
        writer.bytes(isCompressed ? await compress(bytes) : bytes);
      }
      const own = { copy: `COPY ${prefix} FROM STDIN (FORMAT binary)`, data: writer.finish() };
      return [own, spansOf(`${prefix}_span`, batch), leavesOf(`${prefix}_leaf`, batch)];
    },
    read: `SELECT first::int, frames FROM ${prefix} WHERE log = $1 AND first <= $2 ORDER BY first DESC LIMIT 1`,
    async frameOf({ first, frames }, index) {
      const segment = isCompressed ? await decompress(frames as Buffer) : (frames as Buffer);
      return frameIn(segment, index - (first as number));
    },
  };
}

export const LAYOUTS: readonly Layout[] = [
  bytesOnly,
  eventIds,
  rowsAndSpans,
  segments('inline', 'segments of one page', INLINE_SEGMENT_BYTES, 'PLAIN', false),
  segments('large', 'segments of 64 KiB', SEGMENT_BYTES, 'EXTERNAL', false),
  segments('packed', 'segments of 64 KiB, zstd', SEGMENT_BYTES, 'EXTERNAL', true),
];
