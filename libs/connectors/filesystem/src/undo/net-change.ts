import type { Finding, FindingCode, RehearsedStep } from '@recant/connector';
import type { AttemptRef, Effect, VersionOrAbsent } from '@recant/events';
import { CONNECTOR, type Path, pathOfResource, ROOT } from '../path.ts';
import { type Letter, letterOf, PART_OF, type State } from '../state.ts';
import { entryOf } from '../store/history.ts';
import type { LockedStore } from '../store/locked-store.ts';
import type { Entry } from '../store/record.ts';

/** Net change of one step at one path: for each written part its versions before and after, and the state before the first write. */
export interface NetChange {
  readonly path: Path;
  readonly resource: string;
  readonly parts: Map<Letter, { readonly before: VersionOrAbsent; after: VersionOrAbsent; readonly image: State; readonly first: number }>;
  /** Type of the item that the parts belong to, as the last effect left it. */
  readonly left: State;
}

export type NetChangesOrFindings =
  | { readonly kind: 'net'; readonly nets: readonly NetChange[]; readonly undid: readonly number[] }
  | { readonly kind: 'refused'; readonly findings: readonly Finding[] };

/**
 * Effects are data from a possibly hijacked agent. Each must equal the journal's entry for that attempt and path; states come from the journal
 * alone. Anything else is refused before the file system is read.
 */
export async function netChangesOf(locked: LockedStore, step: RehearsedStep): Promise<NetChangesOrFindings> {
  const nets = new Map<Path, NetChange>();
  const findings: Finding[] = [];
  const undid: number[] = [];
  for (const effect of step.effects) {
    if (Object.keys(effect.parts).length === 0) continue;
    const refuse = (code: FindingCode, detail: string) =>
      findings.push({ resource: effect.resource, part: Object.keys(effect.parts)[0] ?? 'exists', code, detail });
    const path = pathOfResource(locked.system, effect.resource);
    if (path === undefined || path === ROOT) {
      refuse('not_registered', `Not a resource of filesystem://${locked.system}/.`);
      continue;
    }
    const entry = await journalled(locked, path, effect, step.undoes);
    if (typeof entry === 'string')
      refuse(effect.compensation !== undefined && effect.compensation.connector !== CONNECTOR ? 'not_registered' : 'image_missing', entry);
    else {
      undid.push(entry.o);
      addTo(nets, path, effect, entry, refuse);
    }
  }
  return findings.length > 0 ? { kind: 'refused', findings } : { kind: 'net', nets: [...nets.values()], undid };
}

/** The journal entry of an effect, or the reason for a refusal. */
async function journalled(locked: LockedStore, path: Path, effect: Effect, undoes: AttemptRef): Promise<Entry | string> {
  if (effect.compensation?.connector !== CONNECTOR) return 'The effect has no inverse by this connector.';
  if (effect.compensation.images.length !== 1 || effect.compensation.images[0] !== effect.ordinal)
    return 'The effect does not name its own image.';
  const mark = locked.history.marksOf(path).find(({ ordinal }) => String(ordinal) === effect.ordinal);
  if (mark === undefined) return 'Effect not found in the journal: another store, or a forged effect.';
  const record = await locked.read(mark.line);
  if (!('at' in record) || !sameAttempt(record.at, undoes)) return 'The journal records this effect for another attempt.';
  const entry = await entryOf(locked, mark);
  const letters = Object.keys(effect.parts).map(letterOf);
  if (letters.length !== entry.w.length || !letters.every((letter) => letter !== undefined && entry.w.includes(letter)))
    return 'The journal records other parts for this effect.';
  if ((effect.ambiguous === true) !== (entry.x === true)) return 'The journal grades this effect otherwise.';
  const fits = entry.w.every((letter) => {
    const said = effect.parts[PART_OF[letter]];
    return said?.before === locked.versionOf(entry.b, letter) && said.after === locked.versionOf(entry.a, letter);
  });
  return fits ? entry : 'The journal records other versions for this effect.';
}

function addTo(
  nets: Map<Path, NetChange>,
  path: Path,
  effect: Effect,
  entry: Entry,
  refuse: (code: FindingCode, detail: string) => void,
): void {
  const net = nets.get(path);
  const parts: NetChange['parts'] = net?.parts ?? new Map();
  for (const letter of entry.w) {
    const { before, after } = effect.parts[PART_OF[letter]] as { before: VersionOrAbsent; after: VersionOrAbsent };
    const earlier = parts.get(letter);
    if (earlier === undefined) parts.set(letter, { before, after, image: entry.b, first: entry.o });
    else if (earlier.after !== before) refuse('drift', 'Changed outside this attempt between two of its writes.');
    else earlier.after = after;
  }
  nets.set(path, { path, resource: effect.resource, parts, left: entry.a });
}

const sameAttempt = (one: AttemptRef, other: AttemptRef) =>
  one.source === other.source && one.action === other.action && one.attempt === other.attempt;
