import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Needle } from './needles.ts';

export interface Find {
  readonly file: string;
  readonly value: number;
  readonly form: string;
}

const CHUNK_BYTES = 8 * 1024 * 1024;
const KEY_BYTES = 4;

/** Searches for all needles at once, byte by byte. */
export class Search {
  /** Whether some needle begins with these two bytes: small enough to stay in a processor's cache. */
  private readonly begins = new Uint8Array(1 << 16);
  private readonly byKey = new Map<number, Needle[]>();
  private readonly longest: number;
  bytes = 0;
  files = 0;

  constructor(needles: readonly Needle[]) {
    for (const needle of needles) {
      const key = needle.bytes.readUInt32BE();
      this.begins[key >>> 16] = 1;
      this.byKey.set(key, [...(this.byKey.get(key) ?? []), needle]);
    }
    this.longest = Math.max(...needles.map(({ bytes }) => bytes.length));
  }

  /** Searches every file below the folder, and their names. @param enters whether to search a path */
  async folder(folder: string, enters: (path: string) => boolean = () => true): Promise<Find[]> {
    const found: Find[] = [];
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (!enters(path)) continue;
      found.push(...this.in(Buffer.from(entry.name), path));
      if (entry.isDirectory()) found.push(...(await this.folder(path, enters)));
      else if (entry.isFile()) found.push(...(await this.file(path)));
    }
    return found;
  }

  async file(file: string): Promise<Find[]> {
    const found: Find[] = [];
    const handle = await open(file);
    try {
      const buffer = Buffer.alloc(CHUNK_BYTES);
      // A needle may lie across two chunks: the end of one is the beginning of the next.
      for (let kept = 0; ; ) {
        const { bytesRead } = await handle.read(buffer, kept, CHUNK_BYTES - kept, null);
        if (bytesRead === 0) break;
        const filled = kept + bytesRead;
        found.push(...this.in(buffer.subarray(0, filled), file));
        this.bytes += bytesRead;
        kept = Math.min(this.longest - 1, filled);
        buffer.copyWithin(0, filled - kept, filled);
      }
    } finally {
      await handle.close();
    }
    this.files += 1;
    return found;
  }

  in(bytes: Buffer, file: string): Find[] {
    const found: Find[] = [];
    for (let at = 0; at + KEY_BYTES <= bytes.length; at += 1) {
      if (this.begins[((bytes[at] as number) << 8) | (bytes[at + 1] as number)] === 0) continue;
      for (const { bytes: needle, value, form } of this.byKey.get(bytes.readUInt32BE(at)) ?? [])
        if (bytes.compare(needle, 0, needle.length, at, Math.min(bytes.length, at + needle.length)) === 0)
          found.push({ file, value, form });
    }
    return found;
  }
}
