/** One first-in, first-out queue per name. Names are served round-robin: a name that gave an item goes to the end of the order. */
export interface FairQueue<T> {
  add(name: string, item: T): void;
  /** The item that `take` would return. */
  peek(isEligible?: (name: string) => boolean): T | undefined;
  /** @param isEligible names that may be served now. Default: all. */
  take(isEligible?: (name: string) => boolean): { readonly name: string; readonly item: T } | undefined;
}

export function createFairQueue<T>(): FairQueue<T> {
  /** In serving order; a name without items has no entry. */
  const itemsByName = new Map<string, T[]>();
  const find = (isEligible: (name: string) => boolean = () => true): [string, T[]] | undefined => {
    for (const entry of itemsByName) if (isEligible(entry[0])) return entry;
    return undefined;
  };
  return {
    add(name, item) {
      const items = itemsByName.get(name);
      if (items) items.push(item);
      else itemsByName.set(name, [item]);
    },
    peek: (isEligible) => find(isEligible)?.[1][0],
    take(isEligible) {
      const next = find(isEligible);
      if (next === undefined) return undefined;
      const [name, items] = next;
      const item = items.shift() as T;
      itemsByName.delete(name);
      if (items.length > 0) itemsByName.set(name, items);
      return { name, item };
    },
  };
}
