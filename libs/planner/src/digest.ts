import { createHash } from 'node:crypto';
import { canonicalize } from '@recant/events';
import { PLAN_LISTS, type PlanDraft, type PlanHeader, type PlanItem, type PlanList } from './plan.ts';

/** SHA-256 of a plan's canonical JSON, item by item: nobody has to hold the whole plan. */
export interface RunningDigest {
  /** Lists in the order of `PLAN_LISTS`, items in their own. */
  add<L extends PlanList>(list: L, item: PlanItem<L>): void;
  /** Lower-case hex; nothing can be added afterwards. */
  end(): string;
}

export function runningDigest(header: PlanHeader): RunningDigest {
  const hash = createHash('sha256');
  // Canonical JSON sorts keys by UTF-16 code units, as `sort` does.
  const keys = [...Object.keys(header), ...PLAN_LISTS].sort();
  let at = 0;
  let isOpen = false;
  const startKey = (key: string): void => void hash.update(`${at === 0 ? '{' : ','}${JSON.stringify(key)}:`);
  const isList = (key: string | undefined): boolean => PLAN_LISTS.some((list) => list === key);
  /** Writes what is before the list. */
  const reach = (list: PlanList | undefined): void => {
    for (; keys[at] !== list && at < keys.length; at++) {
      const key = keys[at] as string;
      if (!isOpen) startKey(key);
      if (isList(key)) hash.update(isOpen ? ']' : '[]');
      else hash.update(canonicalize(header[key as keyof PlanHeader] as object));
      isOpen = false;
    }
    if (keys[at] !== list) throw new Error(`digest: list ${list} comes after one that is behind it`);
  };
  return {
    add(list, item) {
      reach(list);
      if (!isOpen) startKey(list);
      hash.update(`${isOpen ? ',' : '['}${canonicalize(item)}`, 'utf8');
      isOpen = true;
    },
    end() {
      reach(undefined);
      return hash.update('}').digest('hex');
    },
  };
}

export function headerOf(body: PlanDraft): PlanHeader {
  const { ambiguous: _ambiguous, conflicts: _conflicts, left: _left, steps: _steps, tainted: _tainted, ...header } = body;
  return header;
}
