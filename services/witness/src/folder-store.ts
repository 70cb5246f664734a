import { createHash } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createSerial } from '@recant/queues';
import { parseCheckpoint, parseNote } from '@recant/transparency';
import type { Vouched, WitnessStore } from '@recant/witness';
import { readIfThere, syncFolder, writeDurably } from './durable-file.ts';

/** Logs of one witness. Each is a file of a few hundred bytes, and a known key can name as many as it likes. */
export const LOGS_MAX = 100_000;

/**
 * One file a log, its name the hash of the origin: `vouched/` holds the checkpoint that is vouched for, which is the whole state; `cosigned/`
 * what monitors get to see. Owned by one process (see `lockFolder`); within it, steps on one log come one after the other.
 */
export async function openFolderStore(dir: string, logsMax = LOGS_MAX): Promise<WitnessStore> {
  const vouchedDir = join(dir, 'vouched');
  const cosignedDir = join(dir, 'cosigned');
  for (const each of [vouchedDir, cosignedDir]) await mkdir(each, { recursive: true, mode: 0o700 });
  await syncFolder(dir);
  const logs = new Set((await readdir(vouchedDir)).filter((name) => isHash(name)));
  const inOrder = createSerial();

  async function read(origin: string): Promise<Vouched | undefined> {
    const path = join(vouchedDir, hashOf(origin));
    const note = await readIfThere(path);
    if (note === undefined) return undefined;
    const checkpoint = parseKept(path, note);
    if (checkpoint.origin !== origin) throw new Error(`${path} is of ${checkpoint.origin}`);
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
        await writeDurably(join(vouchedDir, hash), next.note);
        return 'advanced';
      }),
    show: ({ origin, size, note }) =>
      inOrder(origin, async () => {
        const path = join(cosignedDir, hashOf(origin));
        const kept = await readIfThere(path);
        if (kept === undefined || parseKept(path, kept).size <= size) await writeDurably(path, note);
      }),
    shown: async (originHash) => (isHash(originHash) ? readIfThere(join(cosignedDir, originHash)) : undefined),
  };
}

const hashOf = (origin: string): string => createHash('sha256').update(origin).digest('hex');
const isHash = (name: string): boolean => /^[0-9a-f]{64}$/.test(name);

/** What cannot be read is not forgotten: that log is not vouched for until a person has looked. */
function parseKept(path: string, note: Uint8Array) {
  try {
    return parseCheckpoint(parseNote(note).text);
  } catch (cause) {
    throw new Error(`${path} is damaged: put back what was there; without it this witness must not sign for that log`, { cause });
  }
}
