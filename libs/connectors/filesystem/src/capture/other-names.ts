import { percentEncode } from '@recant/events';
import { OTHER_NAMES_MAX, OTHER_NAMES_SEARCHED_MAX } from '../limits.ts';
import { type Path, ROOT } from '../path.ts';
import type { LockedStore } from '../store/locked-store.ts';
import { type Found, inodeOf, scan } from './scan.ts';

/** Bytes of a name in an event. */
const NAME_TEXT_MAX = 240;

/** The other names (hard links) of a file that was written in place, except those whose change is recorded anyway. */
export async function otherNames(locked: LockedStore, path: Path, inode: string, recorded: ReadonlySet<Path>): Promise<readonly string[]> {
  const found: Path[] = [];
  let links = 1;
  await scan(locked, path, {
    visit: ({ stat }) => {
      links = stat.nlink;
    },
  });
  if (links <= 1) return [];
  const limited: LockedStore = { ...locked, watchedEntriesMax: OTHER_NAMES_SEARCHED_MAX, isIgnored: () => false };
  // Beyond the limit the rest is only counted.
  const visit = ({ path: other, stat }: Found) => {
    if (stat.isFile() && inodeOf(stat) === inode) found.push(other);
  };
  await scan(limited, ROOT, { visit }).catch(() => undefined);
  const others = found.filter((name) => name !== path && !recorded.has(name));
  const elsewhere = links - found.length;
  return [
    ...others.slice(0, OTHER_NAMES_MAX).map(nameText),
    ...(others.length > OTHER_NAMES_MAX ? [`${others.length - OTHER_NAMES_MAX} more names`] : []),
    ...(elsewhere > 0 ? [`${elsewhere} name${elsewhere === 1 ? '' : 's'} outside the folder`] : []),
  ];
}

/** A path as a text for an event: short, without control characters. */
export function nameText(path: string): string {
  return path.split('/').map(percentEncode).join('/').slice(0, NAME_TEXT_MAX);
}
