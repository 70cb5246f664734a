/** Queues by name, served in turns: each that has something gives one, then stands last. */
export interface Lanes<T> {
  add(lane: string, item: T): void;
  /** What `take` would give. */
  peek(): T | undefined;
  /** @param may which lanes may give one now. Default: all. */
  take(may?: (lane: string) => boolean): { readonly lane: string; readonly item: T } | undefined;
}

export function createLanes<T>(): Lanes<T> {
  /** In the order of their turns; a lane without items is not there. */
  const lanes = new Map<string, T[]>();
  return {
    add(lane, item) {
      const queue = lanes.get(lane);
      if (queue) queue.push(item);
      else lanes.set(lane, [item]);
    },
    peek: () => lanes.values().next().value?.[0],
    take(may = () => true) {
      const next = [...lanes].find(([lane]) => may(lane));
      if (next === undefined) return undefined;
      const [lane, queue] = next;
      const item = queue.shift() as T;
      lanes.delete(lane);
      if (queue.length > 0) lanes.set(lane, queue);
      return { lane, item };
    },
  };
}
