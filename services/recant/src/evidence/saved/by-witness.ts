import { checkpointAt, cosignedCheckpoint } from '@recant/anchors';
import type { SavedCheckpoint } from '@recant/verifier';
import { CliError, EXIT } from '../../terminal/exit.ts';
import type { Origins } from './origins.ts';

/** Concurrent requests. */
const REQUESTS_MAX = 8;

/** Checkpoints that a witness publishes for the verified logs; or the one checkpoint at an address that ends with `checkpoint`. */
export async function* savedByWitness(place: string, origins: Origins): AsyncGenerator<SavedCheckpoint> {
  const url = addressOf(place);
  if (/(^|[/.])checkpoint$/.test(url.pathname)) {
    yield await checkpointAt(url.href);
    return;
  }
  const all = await origins();
  for (let at = 0; at < all.length; at += REQUESTS_MAX) {
    const answers = all.slice(at, at + REQUESTS_MAX).map((origin) => cosignedCheckpoint(`${url.origin}${url.pathname}`, origin));
    for (const saved of await Promise.all(answers)) if (saved !== undefined) yield saved;
  }
}

function addressOf(place: string): URL {
  const url = URL.canParse(place) ? new URL(place) : undefined;
  if (url !== undefined && url.username === '' && url.password === '') return url;
  throw new CliError(
    EXIT.usage,
    `Invalid witness address ${JSON.stringify(place)}`,
    'Expected an address without user and password, such as https://witness.example/prefix.',
  );
}
