/** Draws that follow from a seed: the same history every time. Mulberry32. */
export interface Random {
  below(n: number): number;
  chance(percent: number): boolean;
  of<T>(values: readonly T[]): T;
}

export function randomOf(seed: number): Random {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (n: number) => Math.floor(next() * n);
  return {
    below,
    chance: (percent) => below(100) < percent,
    of: (values) => {
      if (values.length === 0) throw new Error('nothing to draw from');
      return values[below(values.length)] as (typeof values)[number];
    },
  };
}
