import { entriesPath, NOTE_BYTES_MAX, tilePath } from '@recant/transparency';
import type { LogReader } from '@recant/verifier';
import type { Connection } from '../terminal/connection.ts';
import { CliError, EXIT } from '../terminal/exit.ts';

/** 256 entries of 65,535 bytes, each with a 2-byte length. */
const BODY_BYTES_MAX = 256 * (65_535 + 2);
const TIMEOUT_MS = 30_000;

/** A log as the service publishes it (C2SP tlog-tiles). */
export function publishedLog(connection: Connection, shard: number): LogReader & { vkeys(): Promise<readonly string[]> } {
  const get = (path: string, bytesMax: number): Promise<Buffer> => getBytes(connection, path, bytesMax);
  return {
    checkpoint: () => get(`/v1/tlog/${shard}/checkpoint`, NOTE_BYTES_MAX),
    tile: (kind, tile) => get(`/v1/tlog/${shard}/${kind === 'hashes' ? tilePath(tile) : entriesPath(tile)}`, BODY_BYTES_MAX),
    async vkeys() {
      const text = (await get('/v1/tlog/vkeys', NOTE_BYTES_MAX)).toString('utf8');
      return text.split('\n').filter((line) => line !== '');
    },
  };
}

async function getBytes({ url, apiKey, credential }: Connection, path: string, bytesMax: number): Promise<Buffer> {
  const response = await fetch(new URL(path, url), {
    headers: { authorization: `Bearer ${apiKey}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((cause: unknown) => {
    throw new CliError(
      EXIT.unreachable,
      `No answer from ${url}: ${(cause as Error).message}`,
      'Check the address, and that the service is running.',
      { cause },
    );
  });
  if (!response.ok) {
    await response.body?.cancel();
    if (response.status === 401 || response.status === 403)
      throw new CliError(
        EXIT.unreachable,
        `${url}${path} answered ${response.status} to the key from ${credential.source}`,
        'Use a key with the role view or export.',
      );
    throw new CliError(
      EXIT.failed,
      `${url}${path} answered ${response.status}`,
      'Check the shard number; a log has no checkpoint before its first entry is signed.',
    );
  }
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > bytesMax) throw new CliError(EXIT.failed, `${url}${path} answered with more than ${bytesMax} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
