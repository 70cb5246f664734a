import { createHash } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createSerial } from '@recant/queues';
import { parseCheckpoint, parseNote } from '@recant/transparency';
import type { CosignedHead, WitnessStore } from '@recant/witness';
import { readIfExists, syncFolder, writeDurably } from './durable-file.ts';

/** Logs of one witness, each a file of a few hundred bytes. Limited, because one log key can sign for any number of origins. */
const LOGS_MAX = 100_000;

/**
 * One file per log, named by the hash of its origin. `heads/`: the latest checkpoint that may be cosigned, which is the whole state; `cosigned/`: the
 * cosigned checkpoint for monitors. Owned by one process (see `lockFolder`), which serializes the operations on one log.
 */
export async function openFolderStore(dir: string, logsMax = LOGS_MAX): Promise<WitnessStore> {
  const headsDir = join(dir, 'heads');
  const cosignedDir = join(dir, 'cosigned');
  for (const each of [headsDir, cosignedDir]) await mkdir(each, { recursive: true, mode: 0o700 });
  await syncFolder(dir);
  const logs = new Set((await readdir(headsDir)).filter((name) => isHash(name)));
  const inOrder = createSerial();

  async function read(origin: string): Promise<CosignedHead | undefined> {
    const path = join(headsDir, hashOf(origin));
    const note = await readIfExists(path);
    if (note === undefined) return undefined;
    const checkpoint = parseStored(path, note);
    if (checkpoint.origin !== origin) throw new Error(`${path}: expected origin ${origin}, got ${checkpoint.origin}`);
    return { origin, size: checkpoint.size, root: checkpoint.root, note };
  }

  return {
    read,
    advance: (sizeBefore, next) =>
      inOrder(next.origin, async () => {
        const known = await read(next.origin);
        if (known?.size !== sizeBefore) return 'moved';
        if (known?.size === next.size) return 'advanced';
        const hash = hashOf(next.origin);
        if (!logs.has(hash) && logs.size >= logsMax) return 'full';
        logs.add(hash);
        await writeDurably(join(headsDir, hash), next.note);
        return 'advanced';
      }),
    putCosigned: ({ origin, size, note }) =>
      inOrder(origin, async () => {
        const path = join(cosignedDir, hashOf(origin));
        const stored = await readIfExists(path);
        if (stored === undefined || parseStored(path, stored).size <= size) await writeDurably(path, note);
      }),
    readCosigned: async (originHash) => (isHash(originHash) ? readIfExists(join(cosignedDir, originHash)) : undefined),
  };
}

const hashOf = (origin: string): string => createHash('sha256').update(origin).digest('hex');
const isHash = (name: string): boolean => /^[0-9a-f]{64}$/.test(name);

/** A damaged file is an error, not an absent head: its log gets no cosignature until the file is restored. */
function parseStored(path: string, note: Uint8Array) {
  try {
    return parseCheckpoint(parseNote(note).text);
  } catch (cause) {
    throw new Error(`${path} is damaged: restore its last content; without it this witness must not sign for that log`, { cause });
  }
}
