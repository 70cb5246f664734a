import { createIgnore, createWithin, type PathFilter } from '../ignore.ts';
import { FILE_BYTES_MAX, TREE_ENTRIES_MAX, WATCHED_ENTRIES_MAX } from '../limits.ts';
import type { Settings } from './record.ts';

/** What a process that captures goes by. */
export interface Rules {
  readonly isIgnored: PathFilter;
  readonly isExclusive: PathFilter;
  readonly fileBytesMax: number;
  readonly treeEntriesMax: number;
  readonly watchedEntriesMax: number;
}

/**
 * Each option is the process's own, else the registered one, else the default.
 * @throws ConnectorError `options_invalid | resource_invalid` for own options
 */
export function createRules(own: Settings): (registered: Settings) => Rules {
  let last: { readonly registered: Settings; readonly rules: Rules } | undefined;
  const rulesFor = (registered: Settings): Rules => ({
    isIgnored: createIgnore(own.ignore ?? registered.ignore),
    isExclusive: createWithin(own.exclusive ?? registered.exclusive),
    fileBytesMax: own.fileBytesMax ?? registered.fileBytesMax ?? FILE_BYTES_MAX,
    treeEntriesMax: own.treeEntriesMax ?? registered.treeEntriesMax ?? TREE_ENTRIES_MAX,
    watchedEntriesMax: own.watchedEntriesMax ?? registered.watchedEntriesMax ?? WATCHED_ENTRIES_MAX,
  });
  rulesFor({});
  return (registered) => {
    if (last?.registered !== registered) last = { registered, rules: rulesFor(registered) };
    return last.rules;
  };
}
