import { createHash } from 'node:crypto';
import { percentEncode, RESOURCE_BYTES_MAX } from '@recant/events';
import { NAME_BYTES_MAX, OTHER_NAMES_MAX, PATH_DEPTH_MAX, WATCHED_UNNAMED_MAX } from '../limits.ts';
import { depthOf, isOwnName, isWithin, nameOf, type Path, ROOT, resourceOf } from '../path.ts';
import { decodeName, readState } from '../read-state.ts';
import type { LockedStore } from '../store/locked-store.ts';
import type { Unnamed } from '../store/record.ts';
import { type Planned, reading } from './perform.ts';

/** Something below declared paths that no path names, or that cannot be looked at: a change of it is unknown, and never undone. */
export interface UnnamedItem {
  /** The nearest folder that has a path; of a closed folder itself. */
  readonly folder: Path;
  /** Below that folder, without control characters. */
  readonly text: string;
  /** The same while nothing changed; empty: that cannot be said. */
  readonly id: string;
  /** A folder that may not be read: what is below it is not known. */
  readonly isClosed?: true;
}

/** Bytes of a name in an event. */
const TEXT_MAX = 240;
/** A path of so many characters always has a URI: each is at most 9 there, behind the system's name. */
const SHORT_PATH = 80;

export function hasPath(system: string, path: Path): boolean {
  const name = nameOf(path);
  if (isOwnName(name) || depthOf(path) > PATH_DEPTH_MAX || Buffer.byteLength(name) > NAME_BYTES_MAX) return false;
  if (path.length <= SHORT_PATH) return true;
  if (path.length > RESOURCE_BYTES_MAX) return false;
  try {
    resourceOf(system, path);
    return true;
  } catch {
    return false;
  }
}

/** A name as a text for an event: bytes that are no UTF-8 are percent-encoded one by one. */
export function textOfName(bytes: Buffer): string {
  const name = decodeName(bytes);
  if (name !== undefined) return percentEncode(name);
  return [...bytes]
    .map((byte) =>
      byte > 0x20 && byte < 0x7f && byte !== 0x25 && byte !== 0x2f
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .join('');
}

/** Collects what a look found without a path; beyond a number only a sum over all of it, in any order. */
export function createUnnamed(): { add(item: UnnamedItem): void; readonly all: Unnamed } {
  const items: UnnamedItem[] = [];
  let count = 0;
  let sum = 0n;
  return {
    add({ text, ...item }) {
      const short = text.length <= TEXT_MAX ? text : `${text.slice(0, 200)}...${digest(text).slice(0, 16)}`;
      count += 1;
      sum = BigInt.asUintN(64, sum + BigInt(`0x${digest(`${item.folder}\0${text}\0${item.id}`).slice(0, 16)}`));
      if (items.length < WATCHED_UNNAMED_MAX) items.push({ ...item, text: short });
    },
    get all() {
      return { items: count > WATCHED_UNNAMED_MAX ? [] : items, count, sum: sum.toString(16) };
    },
  };
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Observations that name what changed without a path, one for each folder. */
export async function unnamedChanges(locked: LockedStore, before: Unnamed, now: Unnamed): Promise<Planned[]> {
  const planned: Planned[] = [];
  for (const [folder, texts] of changedTexts(before, now)) {
    const seen = await readState({ ...locked.readOptions, content: false }, folder);
    const names = texts.sort();
    const more = names.length > OTHER_NAMES_MAX ? [`${names.length - OTHER_NAMES_MAX} more names`] : [];
    const y = [...names.slice(0, OTHER_NAMES_MAX), ...more];
    planned.push({ ...reading('unnamed', folder, seen.kind === 'state' ? seen.state : null, ['e']), y });
  }
  return planned;
}

function changedTexts(before: Unnamed, now: Unnamed): Map<Path, string[]> {
  const changed = new Map<Path, string[]>();
  if (before.items.length < before.count || now.items.length < now.count) {
    if (before.sum !== now.sum || before.count !== now.count)
      changed.set(ROOT, [`some of ${Math.max(before.count, now.count)} items without a path`]);
    return changed;
  }
  const keyOf = ({ folder, text }: UnnamedItem) => `${folder}\0${text}`;
  const ids = new Map(before.items.map((item) => [keyOf(item), item.id]));
  const present = new Set(now.items.map(keyOf));
  const differing = [
    ...now.items.filter((item) => item.id === '' || ids.get(keyOf(item)) !== item.id),
    ...before.items.filter((item) => !present.has(keyOf(item))),
  ];
  for (const { folder, text } of differing) changed.set(folder, [...(changed.get(folder) ?? []), text]);
  return changed;
}

/** Whether what was below a path before is not known, because its folder could not be read. */
export function wasClosed({ items }: Unnamed, path: Path): boolean {
  return items.some(({ folder, isClosed }) => isClosed === true && path !== folder && isWithin(path, folder));
}
