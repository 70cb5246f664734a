/** Milliseconds after which the next read no longer waits for a read: a connection that hangs delays only the calls that share it. */
const TURN_MS_MAX = 1_000;

/**
 * Coalesces reads without returning stale values: a call made while a read is running gets the next read, which starts afterwards. One
 * read runs at a time, except past TURN_MS_MAX.
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
      last = turnOf(answer);
      next = { keys, answer };
    }
    next.keys.add(key);
    return (await next.answer).get(key);
  };
}

/** Resolves when the read has ended or its turn is over. */
function turnOf(answer: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, TURN_MS_MAX);
    const end = () => {
      clearTimeout(timer);
      resolve();
    };
    answer.then(end, end);
  });
}
