import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { ConnectorError } from '@recant/connector';
import { codeOf } from '../failure.ts';
import type { JournalRecord } from './record.ts';

const CHUNK_BYTES = 1_048_576;
const NEWLINE = 0x0a;

/** Position of a record's line. */
export interface Line {
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Append-only file of records, one a line: crc32 of the JSON in eight hex digits, a blank, JSON.
 * All calls are made under the store's lock. A kill leaves at most a last line without its end, a power failure one with blocks of zeros: it was never acted
 * on, or follows from the record before, and is cut off. Any other damage is refused.
 */
export interface Journal {
  /** Records added since the last call, by any process. */
  readNew(): AsyncIterable<{ readonly record: JournalRecord; readonly line: Line }>;
  /** @param durable false where the record only has to survive this process. */
  append(record: JournalRecord, durable: boolean): Promise<Line>;
  read(line: Line): Promise<JournalRecord>;
  close(): Promise<void>;
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
  return {
    async *readNew() {
      const size = (await file.stat()).size;
      let rest: Buffer = Buffer.alloc(0);
      let at = end;
      while (at < size) {
        // Doubled with a long line, so that its pieces are not copied again and again.
        const chunk = await readExactly(file, at, Math.min(Math.max(CHUNK_BYTES, rest.length), size - at));
        at += chunk.length;
        rest = Buffer.concat([rest, chunk]);
        let start = 0;
        for (let stop = rest.indexOf(NEWLINE, start); stop !== -1; stop = rest.indexOf(NEWLINE, start)) {
          const record = decode(rest.subarray(start, stop));
          const line = { offset: end, bytes: stop - start };
          if (record === undefined) {
            if (line.offset + line.bytes + 1 === size && rest.subarray(start, stop).includes(0)) return await file.truncate(end);
            throw new ConnectorError('not_prepared', `The journal ${path} is damaged at byte ${line.offset}. Restore it from a backup.`);
          }
          end += line.bytes + 1;
          start = stop + 1;
          yield { record, line };
        }
        rest = rest.subarray(start);
      }
      if (rest.length > 0) await file.truncate(end);
    },
    async append(record, durable) {
      const bytes = encode(record);
      try {
        await writeExactly(file, bytes, end);
        if (durable) await file.datasync();
      } catch (cause) {
        await file.truncate(end);
        throw cause;
      }
      const line = { offset: end, bytes: bytes.length - 1 };
      end += bytes.length;
      return line;
    },
    async read(line) {
      if (last?.offset === line.offset) return last.record;
      const record = decode(await readExactly(file, line.offset, line.bytes));
      if (record === undefined)
        throw new ConnectorError('not_prepared', `The journal ${path} is damaged at byte ${line.offset}. Restore it from a backup.`);
      last = { offset: line.offset, record };
      return record;
    },
    close: () => file.close(),
  };
}

function encode(record: JournalRecord): Buffer {
  const json = JSON.stringify(record);
  return Buffer.from(`${crc32(json).toString(16).padStart(8, '0')} ${json}\n`);
}

function decode(line: Buffer): JournalRecord | undefined {
  const json = line.subarray(9);
  if (crc32(json).toString(16).padStart(8, '0') !== line.subarray(0, 8).toString('latin1')) return undefined;
  return JSON.parse(json.toString()) as JournalRecord;
}

async function readExactly(file: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
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
