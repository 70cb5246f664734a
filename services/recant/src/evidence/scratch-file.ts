import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scratch } from '@recant/verifier';

/** A range of the file, in bytes. */
interface Piece {
  readonly at: number;
  readonly length: number;
}

/**
 * Scratch space in one file, created on first use and unlinked at once, so that a crash leaves nothing behind. Synchronous, with one file for all
 * partitions: writing 16 kB takes 8 µs; with a file opened for each write 100 µs, through the thread pool 500 µs (2026-11).
 */
export function scratchFile(folder: string = tmpdir()): Scratch & Disposable {
  const pieces = new Map<number, Piece[]>();
  let file: number | undefined;
  let size = 0;
  return {
    async append(partition, bytes) {
      file ??= openUnlinked(folder);
      writeAll(file, bytes, size);
      const own = pieces.get(partition) ?? [];
      own.push({ at: size, length: bytes.length });
      pieces.set(partition, own);
      size += bytes.length;
    },
    async read(partition) {
      const own = pieces.get(partition) ?? [];
      const bytes = Buffer.allocUnsafe(own.reduce((sum, { length }) => sum + length, 0));
      let read = 0;
      for (const { at, length } of own) {
        readAll(file as number, bytes.subarray(read, read + length), at);
        read += length;
      }
      return bytes;
    },
    [Symbol.dispose]() {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}

function openUnlinked(folder: string): number {
  const path = join(folder, `recant-verify-${randomUUID()}`);
  const file = openSync(path, 'wx+', 0o600);
  unlinkSync(path);
  return file;
}

function writeAll(file: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, at + done);
}

function readAll(file: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; ) {
    const read = readSync(file, bytes, done, bytes.length - done, at + done);
    if (read === 0) throw new Error('the scratch file is shorter than the data written to it');
    done += read;
  }
}
