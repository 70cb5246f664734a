import type { Call } from './sessions.ts';

/** One seeded selection, with a title like the CLI's. */
export interface Drawn {
  readonly title: string;
  readonly selection: { agents?: string[]; sessions?: string[]; runs?: string[]; fromMs?: number; toMs?: number };
}

/** Mulberry32: a 32-bit generator, enough for drawing selections and replayable from its seed. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Sessions first, then windows, then agents: small selections rarely conflict, whole agents mostly do. */
export function drawSelections(calls: readonly Call[], seed: number): Drawn[] {
  const random = generator(seed);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const writes = calls.filter((call) => call.write && call.succeeded);
  const sessions = [...new Set(writes.map((call) => call.session))];
  const agents = [...new Set(writes.map((call) => call.agent))];
  const times = writes.map((call) => call.startedAtMs).sort((a, b) => a - b);
  const drawn: Drawn[] = [];
  for (let at = 0; at < 10; at++) {
    const names = Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(sessions));
    drawn.push({ title: `sessions ${names.join(', ')}`, selection: { sessions: [...new Set(names)] } });
  }
  for (let at = 0; at < 6; at++) {
    const from = Math.floor(random() * times.length * 0.8);
    const to = Math.min(times.length - 1, from + 4 + Math.floor(random() * 16));
    const selection = { fromMs: times[from] as number, toMs: (times[to] as number) + 1 };
    drawn.push({ title: `window of ${selection.toMs - selection.fromMs} ms`, selection });
  }
  for (let at = 0; at < 4; at++) {
    const agent = agents.splice(Math.floor(random() * agents.length), 1)[0] as string;
    drawn.push({ title: `agent ${agent}`, selection: { agents: [agent] } });
  }
  return drawn;
}
