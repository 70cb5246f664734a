import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { ANCHORS_MAX, type KeptCheckpoint } from '@recant/verifier';
import { CliError, EXIT } from '../cli/exit.ts';

/** Bytes of a signed note, many times over. */
const NOTE_BYTES_MAX = 1_048_576;

/** Every checkpoint that somebody kept in a folder, or one file: as an anchor writes them, or copied there by hand. */
export async function readKept(path: string): Promise<readonly KeptCheckpoint[]> {
  const names = await listFiles(path);
  const kept: KeptCheckpoint[] = [];
  for (const name of names) {
    const { size } = await stat(name);
    if (size > NOTE_BYTES_MAX)
      throw new CliError(EXIT.usage, `${name} is too large for a checkpoint`, 'Give a folder with checkpoints only.');
    kept.push({ name: relative(path, name) || name, note: await readFile(name) });
  }
  return kept;
}

async function listFiles(path: string): Promise<readonly string[]> {
  try {
    if ((await stat(path)).isFile()) return [path];
    const files = (await readdir(path, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    // What an anchor's crash leaves is a draft.
    const names = files.map((entry) => join(entry.parentPath, entry.name)).filter((name) => !name.endsWith('.draft'));
    if (names.length > ANCHORS_MAX)
      throw new CliError(EXIT.usage, `${path} holds more than ${ANCHORS_MAX} files`, 'Give the newest of each log.');
    return names.sort();
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError(EXIT.failed, `${path} cannot be read: ${(cause as Error).message}`, 'Give the folder that the anchor writes to.', {
      cause,
    });
  }
}
