/** Mode `force`: which contents and modes that somebody else left a step may overwrite, and whose they are. What it overwrites is set aside and becomes an image. */
import type { Finding, RehearsedStep } from '@recant/connector';
import { type Letter, PART_OF, type Present, type State, samePart } from '../state.ts';
import { entryOf, type Mark } from '../store/history.ts';
import type { LockedStore } from '../store/locked-store.ts';
import type { NetChange } from './net-change.ts';

/** A part that is not as the attempt left it, or that somebody wrote later. */
export interface Contested {
  readonly net: NetChange;
  readonly letter: Letter;
  readonly live: State;
  /** The last recorded write by somebody else after the attempt's first one. */
  readonly later: Mark | undefined;
}

/** `overwritten`: the step may overwrite it. Any other finding says why not, although a person forced the step. Undefined: nobody did. */
export type Overwriting = (contested: Contested) => Promise<Finding | undefined>;

export function overwritingOf(locked: LockedStore, overwrites: RehearsedStep['overwrites']): Overwriting {
  if (overwrites === undefined) return async () => undefined;
  const meant = overwrites === 'any' ? 'any' : new Map(overwrites.map((one) => [`${one.resource} ${one.part}`, one]));
  return async (contested) => {
    const { net, letter, live, later } = contested;
    const found = locked.versionOf(live, letter);
    const part = PART_OF[letter];
    const at = { resource: net.resource, part, expected: net.parts.get(letter)?.after ?? null, found };
    const reason = outOfReach(net, live);
    if (live === null || reason !== undefined) return { ...at, code: 'drift', detail: reason ?? GONE };
    const known = meant === 'any' ? undefined : meant.get(`${net.resource} ${part}`);
    const isMeant =
      meant === 'any' || (known?.version === found && (later === undefined || BigInt(later.ordinal) <= BigInt(known.through)));
    if (!isMeant) return { ...at, code: 'drift', detail: 'Written again since the plan: only what the plan names is overwritten.' };
    const writer = await writerOf(locked, { ...contested, live });
    return { ...at, code: 'overwritten', detail: `Overwritten: written later by ${writer.who}.`, writer };
  };
}

const GONE = 'Somebody removed it: only contents and modes are overwritten.';

/** Undefined: its content and mode may be overwritten. Nothing that is no file or folder, and nothing by another kind of thing. */
function outOfReach({ left, parts }: NetChange, live: State): string | undefined {
  if (live === null) return GONE;
  const kind = (left ?? parts.get('e')?.image)?.t;
  if (live.t !== 'link' && live.t === kind) return undefined;
  return `A ${KINDS[live.t]} is there now${kind === undefined || kind === live.t ? '' : ` instead of a ${KINDS[kind]}`}: only contents and modes are overwritten.`;
}
const KINDS: Readonly<Record<Present['t'], string>> = { file: 'file', dir: 'folder', link: 'symbolic link' };

/** Recorded writers by their source. Of others nothing is known but the time that the file has. */
async function writerOf(locked: LockedStore, { letter, live, later }: Contested & { live: Present }): Promise<Writer> {
  const entry = later && (await entryOf(locked, later));
  const record = later && (await locked.read(later.line));
  if (later !== undefined && entry !== undefined && record !== undefined && 'at' in record && samePart(entry.a, live, letter))
    return { who: `${record.at.source}${entry.x ? ', or somebody else at that time' : ''}`, ordinal: String(later.ordinal) };
  const when = live.t === 'file' && letter !== 'm' ? ` at ${new Date(live.u / 1_000).toISOString()}` : '';
  return { who: `a process outside Recant${when}`, ordinal: String(later?.ordinal ?? 0), isUncaptured: true };
}
type Writer = NonNullable<Finding['writer']>;
