import { checkpointAt, cosignedCheckpoint } from '@recant/anchors';
import type { SavedCheckpoint } from '@recant/verifier';
import { CliError, EXIT } from '../../terminal/exit.ts';
import type { Origins } from './origins.ts';

/** Questions at once. */
const ASKED_AT_ONCE = 8;

/** What a witness shows to monitors of the logs that are verified; or the one checkpoint at an address that ends with `checkpoint`. */
export async function* keptByWitness(place: string, origins: Origins): AsyncGenerator<SavedCheckpoint> {
  const url = addressOf(place);
  if (/(^|[/.])checkpoint$/.test(url.pathname)) {
    yield await checkpointAt(url.href);
    return;
  }
  const asked = await origins();
  for (let at = 0; at < asked.length; at += ASKED_AT_ONCE) {
    const answers = asked.slice(at, at + ASKED_AT_ONCE).map((origin) => cosignedCheckpoint(`${url.origin}${url.pathname}`, origin));
    for (const kept of await Promise.all(answers)) if (kept !== undefined) yield kept;
  }
}

function addressOf(place: string): URL {
  const url = URL.canParse(place) ? new URL(place) : undefined;
  if (url !== undefined && url.username === '' && url.password === '') return url;
  throw new CliError(
    EXIT.usage,
    `${JSON.stringify(place)} is not an address that can be asked`,
    'Write it like https://witness.example/prefix.',
  );
}
