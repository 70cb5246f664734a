/** What the matrix covers: operations, faults, replicas; and which seeded run tests which cell. Pure. */

export const OPERATIONS = ['append', 'look-up', 'publish', 'query', 'fetch', 'join', 'position'] as const;
export type Operation = (typeof OPERATIONS)[number];

export const FAULTS = ['error', 'hang', 'half-open', 'kill', 'stop', 'disk-full', 'failover', 'restore'] as const;
export type Fault = (typeof FAULTS)[number];

export const REPLICAS = [1, 3] as const;
export type Replicas = (typeof REPLICAS)[number];

/** How a fault is made. Names what is struck. */
export const WAYS = {
  error: ['connection'],
  hang: ['connection'],
  'half-open': ['connection'],
  kill: ['process', 'sessions', 'server'],
  stop: ['process', 'session'],
  'disk-full': ['server'],
  failover: ['synchronous', 'asynchronous'],
  restore: ['running', 'restarted'],
} as const satisfies Record<Fault, readonly string[]>;
export type Way = (typeof WAYS)[Fault][number];

export interface Run {
  /** From 0. Together with the campaign's seed it determines the run. */
  readonly n: number;
  readonly operation: Operation;
  readonly fault: Fault;
  readonly replicas: Replicas;
  readonly way: Way;
  /** Whether the request that is struck reaches its server: its answer is then lost, and its outcome unknown. */
  readonly phase: 'before' | 'after';
  /** Requests of the struck connection that pass between the first that matches and the struck one: places within a transaction. */
  readonly skip: number;
  /** Duration of hang, stop, full disk, and of repeated errors. */
  readonly lastsMs: number;
  /** The struck process is asked to stop while the fault lasts, and is started again afterwards. */
  readonly stopsMeanwhile: boolean;
}

const CELLS = OPERATIONS.flatMap((operation) => FAULTS.flatMap((fault) => REPLICAS.map((replicas) => ({ operation, fault, replicas }))));
export const CELL_COUNT = CELLS.length;

/** Longer than every limit of the commit path (3, 5, 10 and 15 s), so that the limits decide and not the end of the stop. */
const STOP_MS = 16_000;
const REAL_STOP_MS = 60_000;
/** Of the runs with a stop, one in this many lasts REAL_STOP_MS. */
const REAL_STOP_EVERY = 4;
const LASTS_MS = { error: 3_000, hang: 7_000, 'disk-full': 5_000 };

/** Every cell once, in the order of the seed, then every cell again with other ways, phases and places. */
export function runOf(seed: number, n: number): Run {
  const round = Math.floor(n / CELLS.length);
  const order = shuffled(CELLS, randomOf(seed * 7_919 + round));
  const cell = order[n % CELLS.length] as (typeof CELLS)[number];
  const random = randomOf(seed * 1_000_003 + n);
  const ways: readonly Way[] = WAYS[cell.fault];
  const stops = round * CELLS.length + order.slice(0, n % CELLS.length).filter(({ fault }) => fault === 'stop').length;
  return {
    n,
    ...cell,
    way: ways[(round + Math.floor(random() * ways.length)) % ways.length] as Way,
    phase: random() < 0.5 ? 'before' : 'after',
    skip: Math.floor(random() * 3),
    lastsMs: cell.fault === 'stop' ? (stops % REAL_STOP_EVERY === 0 ? REAL_STOP_MS : STOP_MS) : lastsMsOf(cell.fault, random()),
    stopsMeanwhile: ['error', 'hang', 'half-open'].includes(cell.fault) && random() < 0.3,
  };
}

function lastsMsOf(fault: Fault, chance: number): number {
  const most = LASTS_MS[fault as keyof typeof LASTS_MS] ?? 0;
  return Math.round(most * (0.5 + chance / 2));
}

export const cellOf = ({ operation, fault, replicas }: Pick<Run, 'operation' | 'fault' | 'replicas'>): string =>
  `${operation} × ${fault} × ${replicas}`;

/** Small seeded generator (public domain algorithm). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const keyed = items.map((item) => ({ item, key: random() }));
  return keyed.sort((one, other) => one.key - other.key).map(({ item }) => item);
}
