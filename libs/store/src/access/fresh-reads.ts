/**
 * Coalesces reads without returning stale values: a call made while a read is running gets the next read, which starts afterwards. At most
 * one read runs at a time.
 */
export function createFreshReads<K, V>(read: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>): (key: K) => Promise<V | undefined> {
  let next: { readonly keys: Set<K>; readonly answer: Promise<ReadonlyMap<K, V>> } | undefined;
  let last: Promise<unknown> = Promise.resolve();
  return async (key) => {
    if (next === undefined) {
      const keys = new Set<K>();
      const answer = last.then(() => {
        next = undefined;
        return read([...keys]);
      });
      last = answer.catch(() => {});
      next = { keys, answer };
    }
    next.keys.add(key);
    return (await next.answer).get(key);
  };
}
