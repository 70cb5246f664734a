/** A seeded history: who does what, when. Imports no product code. */
import type { Random } from '../random.ts';

export type Op =
  | { readonly kind: 'write'; readonly path: string; readonly content: string; readonly byRename: boolean }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'chmod'; readonly path: string; readonly mode: number }
  | { readonly kind: 'move'; readonly path: string; readonly to: string }
  | { readonly kind: 'mkdir'; readonly path: string };

export type Actor = 'handle' | 'watched' | 'second' | 'person' | 'process';
/** `open` and `settle`: an attempt of this actor begins and ends; others work in between. */
export type Turn = { readonly actor: Actor } & (
  | { readonly kind: 'open' | 'settle'; readonly op?: never }
  | { readonly kind: 'do'; readonly op: Op }
);

export interface Script {
  readonly seed: number;
  readonly mode: 'refuse' | 'skip' | 'force';
  /** Nobody but declared tools and handles writes. */
  readonly isExclusive: boolean;
  readonly turns: readonly Turn[];
  readonly undoes: readonly Actor[];
  /** A person selected the ambiguous changes of the undone attempts too. */
  readonly withAmbiguous: boolean;
  /** A person saves a file in a window of the nth step's inverse. */
  readonly save: { readonly window: string; readonly nth: number; readonly byRename: boolean } | undefined;
}

export const PATHS = ['f0', 'f1', 'f2', 'd/g0', 'd/g1', 'e/h'];
/** Spans pages. */
export const LONG = 'long '.repeat(2_000);
const CONTENTS = ['1', '2', '3', LONG];
/** Of the histories. */
const FORCE_PERCENT = 33;
const MODES = [0o600, 0o640, 0o644];
export const WINDOWS = ['plan.written', 'put.prepared', 'apply.write', 'aside.moved', 'aside.compared', 'put.placed', 'step.written'];

export function scriptOf(seed: number, random: Random): Script {
  const isExclusive = random.chance(50);
  const actors: Actor[] = ['handle', 'watched', 'second', ...(isExclusive ? [] : (['person', 'process'] as const))];
  const running = new Set<Actor>();
  const turns: Turn[] = [];
  for (let turn = 6 + random.below(20); turn > 0; turn -= 1) {
    const actor = random.of(actors);
    const isAgent = actor !== 'person' && actor !== 'process';
    if (isAgent && (!running.has(actor) || random.chance(30))) {
      turns.push({ actor, kind: running.has(actor) ? 'settle' : 'open' });
      if (!running.delete(actor)) running.add(actor);
    } else turns.push({ actor, kind: 'do', op: opOf(random) });
  }
  for (const actor of running) turns.push({ actor, kind: 'settle' });
  const drawn = {
    seed,
    mode: random.chance(50) ? ('refuse' as const) : ('skip' as const),
    isExclusive,
    turns,
    undoes: random.of<readonly Actor[]>([['handle'], ['watched'], ['handle', 'watched'], ['handle', 'watched', 'second']]),
    withAmbiguous: random.chance(25),
    save: random.chance(40) ? { window: random.of(WINDOWS), nth: 1 + random.below(3), byRename: random.chance(50) } : undefined,
  };
  return random.chance(FORCE_PERCENT) ? { ...drawn, mode: 'force' } : drawn;
}

function opOf(random: Random): Op {
  const path = random.of(PATHS);
  const kind = random.of(['write', 'write', 'write', 'write', 'remove', 'chmod', 'move', 'mkdir'] as const);
  if (kind === 'write') return { kind, path, content: random.of(CONTENTS), byRename: random.chance(30) };
  if (kind === 'chmod') return { kind, path, mode: random.of(MODES) };
  if (kind === 'move') return { kind, path, to: random.of(PATHS) };
  return kind === 'mkdir' ? { kind, path: 'e' } : { kind, path: random.chance(20) ? 'e' : path };
}
