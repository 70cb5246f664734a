/** A handle whose every function first waits for `handle`: possible because all members of a handle are functions that return promises. */
export function lazyHandle(handle: () => Promise<unknown>): object {
  return new Proxy(Object.create(null) as object, {
    get(_target, name) {
      // A handle is not a promise: `await context.on(system)` gives the handle.
      if (typeof name === 'symbol' || name === 'then') return undefined;
      return async (...given: unknown[]) => {
        const found = (await handle()) as Readonly<Record<string, unknown>>;
        const member = found[name];
        if (typeof member !== 'function') throw new TypeError(`The handle has no function ${name}.`);
        return Reflect.apply(member, found, given) as unknown;
      };
    },
  });
}
