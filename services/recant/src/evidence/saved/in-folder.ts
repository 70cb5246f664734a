import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { decodeTlogProof, NOTE_BYTES_MAX, parseNote, TransparencyError } from '@recant/transparency';
import { ANCHORS_MAX, type SavedCheckpoint } from '@recant/verifier';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { readReceipt } from '../verify-receipt.ts';

/** Checkpoints in a folder or one file: written by an anchor, in a receipt, or copied by hand; each with the time of its file. */
export async function* savedInFolder(path: string): AsyncGenerator<SavedCheckpoint> {
  for (const name of await listFiles(path)) {
    const { size, mtimeMs } = await stat(name);
    const receipt = name === path || name.endsWith('.tlog-proof') ? await readReceipt(name) : undefined;
    if (receipt === undefined && size > NOTE_BYTES_MAX)
      throw new CliError(EXIT.usage, `${name} is too large for a checkpoint`, 'Pass a folder that has only checkpoints.');
    const note = receipt === undefined ? await readFile(name) : inFile(name, () => decodeTlogProof(receipt).checkpoint);
    // A folder may have other files too; a file that is passed by name must be a checkpoint.
    if (name === path) inFile(name, () => parseNote(note));
    yield { name: relative(path, name) || name, note, savedAtMs: mtimeMs };
  }
}

function inFile<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof TransparencyError)) throw cause;
    throw new CliError(
      EXIT.usage,
      `${name} is not a checkpoint: ${cause.message}`,
      'Pass a checkpoint (`recant log checkpoint SHARD`), a receipt (`recant receipt ACTION`), or a folder with either.',
      { cause },
    );
  }
}

async function listFiles(path: string): Promise<readonly string[]> {
  try {
    if ((await stat(path)).isFile()) return [path];
    const files = (await readdir(path, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    // A crash of an anchor leaves a draft.
    const names = files.map((entry) => join(entry.parentPath, entry.name)).filter((name) => !name.endsWith('.draft'));
    if (names.length > ANCHORS_MAX)
      throw new CliError(EXIT.usage, `${path} has more than ${ANCHORS_MAX} files`, 'Pass only the newest checkpoints of each log.');
    return names.sort();
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError(EXIT.failed, `Cannot read ${path}: ${(cause as Error).message}`, 'Pass the folder that the anchor writes to.', {
      cause,
    });
  }
}
