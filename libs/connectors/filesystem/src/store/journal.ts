import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { ConnectorError } from '@recant/connector';
import { codeOf } from '../failure.ts';
import type { ImageRecord, JournalRecord } from './record.ts';

const CHUNK_BYTES = 1_048_576;
const NEWLINE = 0x0a;

/** Position of a record's line, or of a content. */
export interface Line {
  readonly offset: number;
  readonly bytes: number;
}

/** A content, which stands in the journal behind its own record. */
export interface Content {
  readonly digest: string;
  readonly content: Uint8Array;
}

export type Read =
  | { readonly record: JournalRecord; readonly line: Line }
  /** `line` is that of the content. */
  | { readonly record: ImageRecord; readonly line: Line };

/**
 * Append-only file of records, one a line: crc32 of the JSON in eight hex digits, a blank, JSON. The record of an image is followed by its bytes and a
 * newline: one write and one sync make contents and what refers to them durable. A content is known by its digest alone, and checked when it is read.
 * All calls are made under the store's lock. A kill leaves at most a last record without its end, a power failure one with blocks of zeros: it was never
 * acted on, or follows from the record before, and is cut off. Any other damage is refused.
 */
export interface Journal {
  /** Records added since the last call, by any process. */
  readNew(): AsyncIterable<Read>;
  /**
   * Contents, then the record that refers to them, in one write.
   * @param durable false where the record only has to survive this process
   */
  append(record: JournalRecord, durable: boolean, contents?: readonly Content[]): Promise<Appended>;
  /** Contents alone, not synced. */
  appendContents(contents: readonly Content[]): Promise<readonly Line[]>;
  /** Makes all records durable. */
  sync(): Promise<void>;
  read(line: Line): Promise<JournalRecord>;
  readContent(line: Line): Promise<Buffer>;
  close(): Promise<void>;
}

export interface Appended {
  readonly line: Line;
  readonly contents: readonly Line[];
}

/** @param creates false: the journal must exist. */
export async function openJournal(path: string, creates: boolean): Promise<Journal> {
  const file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW | (creates ? constants.O_CREAT : 0), 0o600).catch((cause) => {
    if (creates || codeOf(cause) !== 'ENOENT') throw cause;
    throw new ConnectorError('not_prepared', `The journal ${path} is missing. Restore it from a backup.`, { cause });
  });
  let end = 0;
  /** The record read last: an attempt's effects are asked for one by one, and stand in one record. */
  let last: { readonly offset: number; readonly record: JournalRecord } | undefined;
  let queue: Promise<unknown> = Promise.resolve();

  async function write(pieces: readonly Uint8Array[], durable: boolean): Promise<void> {
    const bytes = Buffer.concat(pieces);
    try {
      await writeExactly(file, bytes, end);
      if (durable) await file.datasync();
    } catch (cause) {
      await file.truncate(end);
      throw cause;
    }
    end += bytes.length;
  }
  /** Parallel inverses share the journal: one write at a time. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(work);
    queue = turn.catch(() => undefined);
    return turn;
  };
  const appendAll = async (contents: readonly Content[], record: JournalRecord | undefined, durable: boolean) => {
    const pieces = contents.flatMap(({ digest, content }) => [
      encode({ k: 'image', d: digest, n: content.length }),
      content,
      NEWLINE_BYTES,
    ]);
    let at = end;
    const places = contents.map(({ content }, index) => {
      const offset = at + (pieces[index * 3]?.length ?? 0);
      at = offset + content.length + 1;
      return { offset, bytes: content.length };
    });
    const encoded = record === undefined ? undefined : encode(record);
    await write(encoded === undefined ? pieces : [...pieces, encoded], durable);
    return { contents: places, line: { offset: at, bytes: (encoded?.length ?? 1) - 1 } };
  };
  return {
    async *readNew() {
      for await (const { next, ...read } of readFrom(file, path, end)) {
        end = next;
        yield read;
      }
    },
    append: (record, durable, contents = []) => inTurn(() => appendAll(contents, record, durable)),
    appendContents: (contents) => inTurn(async () => (await appendAll(contents, undefined, false)).contents),
    sync: () => file.datasync(),
    async read(line) {
      if (last?.offset === line.offset) return last.record;
      const record = decode(await readExactly(file, line.offset, line.bytes));
      if (record === undefined || record.k === 'image') throw damaged(path, line.offset);
      last = { offset: line.offset, record };
      return record;
    },
    readContent: (line) => readExactly(file, line.offset, line.bytes),
    close: () => file.close(),
  };
}

const damaged = (path: string, offset: number) =>
  new ConnectorError('not_prepared', `The journal ${path} is damaged at byte ${offset}. Restore it from a backup.`);

/** Records from a position on, each with the position behind it. Cuts off a torn end. */
async function* readFrom(file: FileHandle, path: string, start: number): AsyncGenerator<Read & { readonly next: number }> {
  const size = (await file.stat()).size;
  let end = start;
  let rest: Buffer = Buffer.alloc(0);
  for (let at = start; at < size; ) {
    // Doubled with a long line, so that its pieces are not copied again and again.
    const chunk = await readExactly(file, at, Math.min(Math.max(CHUNK_BYTES, rest.length), size - at));
    at += chunk.length;
    rest = Buffer.concat([rest, chunk]);
    let from = 0;
    for (let stop = rest.indexOf(NEWLINE, from); stop !== -1; stop = rest.indexOf(NEWLINE, from)) {
      const record = decode(rest.subarray(from, stop));
      const contentAt = end + (stop - from) + 1;
      if (record === undefined) {
        if (contentAt === size && rest.subarray(from, stop).includes(0)) return await file.truncate(end);
        throw damaged(path, end);
      }
      const next = record.k === 'image' ? contentAt + record.n + 1 : contentAt;
      if (next > size) return await file.truncate(end);
      if (next - end > rest.length - from) break;
      if (rest[from + (next - end) - 1] !== NEWLINE) {
        if (next === size) return await file.truncate(end);
        throw damaged(path, end);
      }
      const offset = end;
      from += next - end;
      end = next;
      yield record.k === 'image'
        ? { record, line: { offset: contentAt, bytes: record.n }, next }
        : { record, line: { offset, bytes: contentAt - 1 - offset }, next };
    }
    rest = rest.subarray(from);
  }
  if (rest.length > 0) await file.truncate(end);
}

const NEWLINE_BYTES = Buffer.from('\n');

function encode(record: JournalRecord | ImageRecord): Buffer {
  const json = JSON.stringify(record);
  return Buffer.from(`${crc32(json).toString(16).padStart(8, '0')} ${json}\n`);
}

function decode(line: Buffer): JournalRecord | ImageRecord | undefined {
  const json = line.subarray(9);
  if (crc32(json).toString(16).padStart(8, '0') !== line.subarray(0, 8).toString('latin1')) return undefined;
  return JSON.parse(json.toString()) as JournalRecord | ImageRecord;
}

async function readExactly(file: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytes);
  for (let done = 0; done < bytes; ) {
    const { bytesRead } = await file.read(buffer, done, bytes - done, position + done);
    if (bytesRead === 0) throw new ConnectorError('not_prepared', 'The journal is truncated. Restore it from a backup.');
    done += bytesRead;
  }
  return buffer;
}

async function writeExactly(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}
