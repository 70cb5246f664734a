/** Resolves after `ms` milliseconds: the duration of a fault, or the pace of the load. Nothing is concluded from it. */
export function elapse(ms: number): Promise<void> {
  return new Promise((over) => {
    setTimeout(over, ms);
  });
}
