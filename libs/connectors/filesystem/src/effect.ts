import type { Effect, VersionOrAbsent } from '@recant/events';
import { CONNECTOR, resourceOf } from './path.ts';
import { type Letter, PART_OF, type VersionOf } from './state.ts';
import type { Entry } from './store/record.ts';

/** An entry as an effect for the ledger: versions and names only. Its image is the journal entry, named by ordinal. */
export function effectOf(system: string, versionOf: VersionOf, entry: Entry): Effect {
  const versions = (letter: Letter) => ({ before: versionOf(entry.b, letter), after: versionOf(entry.a, letter) });
  const reads = Object.fromEntries(
    (entry.r ?? []).map((letter): [string, VersionOrAbsent] => [PART_OF[letter], versionOf(entry.b, letter)]),
  );
  return {
    resource: resourceOf(system, entry.p),
    operation: entry.op,
    ordinal: String(entry.o),
    parts: Object.fromEntries(entry.w.map((letter) => [PART_OF[letter], versions(letter)])),
    ...(entry.r === undefined || entry.r.length === 0 ? {} : { reads }),
    ...(entry.x === undefined ? {} : { ambiguous: true }),
    ...(entry.y === undefined ? {} : { beyond: entry.y }),
    ...(entry.w.length === 0 ? {} : { compensation: { connector: CONNECTOR, images: [String(entry.o)] } }),
  };
}
