/** What the campaign covers, and which seeded run strikes where. Pure. */
import { type Random, randomOf } from '../histories/random.ts';
import { CALLS, DURING, FILE_POINTS, type Place, RUNNER_POINTS } from './places.ts';

export const SYSTEMS = ['rows', 'files', 'both'] as const;
/** What the attempts of a run wrote: rows, files, or rows, files and both in one action. */
export type Systems = (typeof SYSTEMS)[number];
export const REPLICAS = [1, 3] as const;
export type Replicas = (typeof REPLICAS)[number];
export const FAULTS = ['kill', 'hang'] as const;
/** `kill`: SIGKILL of the process. `hang`: the call lasts until long after another worker took over, and then goes on. */
export type Fault = (typeof FAULTS)[number];
export type Mode = 'refuse' | 'skip' | 'force';

export interface Strike {
  readonly place: Place;
  readonly fault: Fault;
  /** At which time that it is come by, from 1. */
  readonly nth: number;
  /** Milliseconds after `invert.during`. */
  readonly afterMs: number;
}

export interface Run {
  /** From 0. Together with the campaign's seed it determines the run. */
  readonly n: number;
  readonly systems: Systems;
  readonly replicas: Replicas;
  readonly mode: Mode;
  readonly steps: number;
  readonly batchSteps: number;
  /** One after the other: the next is set once the one before it struck. */
  readonly strikes: readonly Strike[];
  /** Of the history. */
  readonly seed: number;
}

type Cell = { readonly fault: Fault; readonly place: Place; readonly systems: Systems; readonly replicas: Replicas };
const isPossible = ({ fault, place, systems }: Cell): boolean => {
  if ((FILE_POINTS as readonly string[]).includes(place)) return fault === 'kill' && systems !== 'rows';
  return fault === 'kill' || (CALLS as readonly string[]).includes(place);
};
const PLACES: readonly Place[] = [...RUNNER_POINTS, ...CALLS, DURING, ...FILE_POINTS];
export const CELLS: readonly Cell[] = FAULTS.flatMap((fault) =>
  PLACES.flatMap((place) => SYSTEMS.flatMap((systems) => REPLICAS.map((replicas) => ({ fault, place, systems, replicas })))),
).filter(isPossible);
export const cellOf = ({ strikes, systems, replicas }: Pick<Run, 'strikes' | 'systems' | 'replicas'>): string =>
  `${strikes.map(({ fault, place }) => `${fault} at ${place}`).join(', ')} × ${systems} × ${replicas}`;

const STEPS = { least: 18, more: 13 };
/** Runs in which recovery is struck, too. */
const AGAIN_PERCENT = 30;
const DURING_MS_MAX = 12;

/** Every cell once, in the order of the seed, then every cell again with other histories, modes and times. */
export function runOf(seed: number, n: number): Run {
  const round = Math.floor(n / CELLS.length);
  const order = shuffled(CELLS, randomOf(seed * 7_919 + round));
  const cell = order[n % CELLS.length] as Cell;
  const random = randomOf(seed * 1_000_003 + n);
  // A target is tested before the first write in this mode only, except for attempts on two systems.
  const isTest = cell.place.startsWith('rehearse');
  const steps = STEPS.least + random.below(STEPS.more);
  return {
    n,
    systems: cell.systems,
    replicas: cell.replicas,
    mode: isTest ? 'refuse' : random.of(['refuse', 'skip', 'force'] as const),
    steps,
    batchSteps: random.of([1, 3, 8]),
    strikes: strikesOf(cell, random),
    seed: seed * 100_000 + n,
  };
}

const ONCE_A_WORKER: readonly string[] = ['load', 'rehearse', 'applied'];

function strikesOf({ fault, place }: Cell, random: Random): readonly Strike[] {
  const strike = (at: Place, how: Fault): Strike => ({
    place: at,
    fault: how,
    nth: ONCE_A_WORKER.includes(at.split('.')[0] ?? '') ? 1 : 1 + random.below(3),
    afterMs: random.below(DURING_MS_MAX),
  });
  const first = strike(place, fault);
  // A target is asked what took effect by the worker after the one that was killed.
  if (place.startsWith('applied')) return [strike(random.of(['inverse.before', 'inverse.after', 'record.before'] as const), 'kill'), first];
  return random.chance(AGAIN_PERCENT)
    ? [first, strike(random.of(['claim.after', 'inverse.after', 'commit.after', 'load.after'] as const), 'kill')]
    : [first];
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const left = [...items];
  return items.map(() => left.splice(random.below(left.length), 1)[0] as T);
}
