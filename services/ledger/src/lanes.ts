/** Queues by name, served in turns: each that has something gives one, then stands last. */
export interface Lanes<T> {
  add(lane: string, item: T): void;
  /** What `take` would give. */
  peek(): T | undefined;
  take(): T | undefined;
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
    take() {
      const first = lanes.entries().next().value;
      if (first === undefined) return undefined;
      const [lane, queue] = first;
      const item = queue.shift();
      lanes.delete(lane);
      if (queue.length > 0) lanes.set(lane, queue);
      return item;
    },
  };
}
