/** Runs tasks with the same key one after the other, in call order. Tasks with different keys do not wait for each other. */
export type Serial = <T>(key: string, task: () => Promise<T>) => Promise<T>;

/** A failed task rejects for its caller only; the next task of the key starts all the same. */
export function createSerial(): Serial {
  const lastByKey = new Map<string, Promise<unknown>>();
  return (key, task) => {
    const done = (lastByKey.get(key) ?? Promise.resolve()).then(task, task);
    lastByKey.set(key, done);
    const forget = (): void => {
      if (lastByKey.get(key) === done) lastByKey.delete(key);
    };
    done.then(forget, forget);
    return done;
  };
}
