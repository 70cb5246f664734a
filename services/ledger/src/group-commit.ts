import { ApiFault } from '@recant/api';
import { BATCH_EVENTS_MAX } from '@recant/events';
import { type Appender, LedgerTampered, type Receipt, type Submission } from '@recant/ledger';
import { createByteBudget, createFairQueue, type FairQueue } from '@recant/queues';
import { StoreUnavailable } from '@recant/store';

/** Bytes of queued events; requests above it are refused. */
const WAITING_BYTES_MAX = 33_554_432;
/** Part of WAITING_BYTES_MAX reserved for the rollback service and administrators. */
const WAITING_BYTES_RESERVED = 4_194_304;
/** Bytes of events in one transaction. */
const GROUP_BYTES_MAX = 8_388_608;

/** Milliseconds after which the next group no longer waits for this one: a connection that hangs delays only the requests that share it. */
const TURN_MS_MAX = 1_000;
/** Groups at once, while earlier ones hang. Each has a connection of the store's. */
const GROUPS_MAX = 3;

/** Batches requests: those that arrive while a transaction runs share the next one. Tenants take turns. */
export interface GroupCommit {
  /** Receipts in order, after the commit. Rejects with ApiFault `overloaded` or `shutting_down`, or with the appender's error; the outcome is then unknown. */
  submit(batch: readonly Submission[]): Promise<readonly Receipt[]>;
  /** Refuses new requests; resolves when all queued ones are answered. */
  close(): Promise<void>;
  readonly waitingBytes: number;
  readonly waitingBytesMax: number;
}

interface Waiting {
  /** Its queue: a tenant's agents, or a tenant's operators. */
  readonly queue: string;
  readonly batch: readonly Submission[];
  readonly bytes: number;
  readonly resolve: (receipts: readonly Receipt[]) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommitOptions {
  readonly waitingBytesMax?: number;
  readonly waitingBytesReserved?: number;
}

/**
 * Groups commit one at a time, each tenant's requests in order of arrival, which preserves a source's order over one connection. Past TURN_MS_MAX the requests
 * of other tenants go on without the group that hangs. Fair sharing: a tenant may use no more of the queue than is still free (`createByteBudget`).
 */
export function createGroupCommit(appender: Appender, options: GroupCommitOptions = {}): GroupCommit {
  const waitingBytesMax = options.waitingBytesMax ?? WAITING_BYTES_MAX;
  const budget = createByteBudget(waitingBytesMax, options.waitingBytesReserved ?? WAITING_BYTES_RESERVED);
  const queue = createFairQueue<Waiting>();
  const running = new Set<Promise<void>>();
  const busy = new Set<string>();
  let closed = false;
  let isDraining = false;

  function takeNext(): readonly Waiting[] {
    return running.size >= GROUPS_MAX ? [] : takeGroup(queue, (name) => !busy.has(name));
  }

  async function drain(): Promise<void> {
    if (isDraining) return;
    isDraining = true;
    for (let group = takeNext(); group.length > 0; group = takeNext()) await turnOf(start(group));
    isDraining = false;
  }

  function start(group: readonly Waiting[]): Promise<void> {
    for (const { queue: name } of group) busy.add(name);
    const answered = commitGroup(appender, group).then((answer) => {
      for (const { queue: name } of group) busy.delete(name);
      running.delete(answered);
      answer();
      void drain();
    });
    running.add(answered);
    return answered;
  }

  return {
    submit(batch) {
      if (closed) return Promise.reject(new ApiFault('shutting_down', 'The ledger is shutting down.'));
      const bytes = batch.reduce((sum, submission) => sum + submission.bytes.length, 0);
      const operator = isOperator(batch);
      const tenant = batch[0]?.credential?.tenant ?? '';
      const release = budget.reserve(bytes, { tenant, operator });
      if (!release) return Promise.reject(new ApiFault('overloaded', 'This tenant’s event queue is full.'));
      // Operators have a separate queue in each tenant, so that agents do not delay them.
      const name = `${operator} ${tenant}`;
      const answer = new Promise<readonly Receipt[]>((resolve, reject) =>
        queue.add(name, { queue: name, batch, bytes, resolve, reject }),
      ).finally(release);
      void drain();
      return answer;
    },
    async close() {
      closed = true;
      while (isDraining || running.size > 0) await Promise.all(running);
    },
    waitingBytesMax,
    get waitingBytes() {
      return budget.bytes;
    },
  };
}

/** Resolves when the group has committed or failed, or its turn is over. */
function turnOf(answered: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, TURN_MS_MAX);
    void answered.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Takes requests round-robin, at least one if one is eligible. A request is never split, which would lose its order. */
function takeGroup(queue: FairQueue<Waiting>, isEligible: (name: string) => boolean): Waiting[] {
  const group: Waiting[] = [];
  let events = 0;
  let bytes = 0;
  for (let next = queue.peek(isEligible); next !== undefined; next = queue.peek(isEligible)) {
    events += next.batch.length;
    bytes += next.bytes;
    if (group.length > 0 && (events > BATCH_EVENTS_MAX || bytes > GROUP_BYTES_MAX)) break;
    queue.take(isEligible);
    group.push(next);
  }
  return group;
}

/** Commits a group; returns a function that delivers the answers. If one log is tampered, the group is retried request by request, so that only requests to that log fail. */
async function commitGroup(appender: Appender, group: readonly Waiting[]): Promise<() => void> {
  try {
    const receipts = await appender.append(group.flatMap(({ batch }) => batch));
    let from = 0;
    return () => {
      for (const { batch, resolve } of group) {
        resolve(receipts.slice(from, from + batch.length));
        from += batch.length;
      }
    };
  } catch (error) {
    if (group.length > 1 && (error instanceof LedgerTampered || isLocked(error))) return commitOneByOne(appender, group);
    return () => {
      for (const { reject } of group) reject(error);
    };
  }
}

/** Requests to a log that is tampered or locked fail, the others commit. After one lock wait of a tenant, its other requests fail at once. */
async function commitOneByOne(appender: Appender, group: readonly Waiting[]): Promise<() => void> {
  const answers: (() => void)[] = [];
  const locked = new Map<string, unknown>();
  for (const waiting of group) {
    const tenant = waiting.batch[0]?.credential?.tenant ?? '';
    if (locked.has(tenant)) {
      answers.push(() => waiting.reject(locked.get(tenant)));
      continue;
    }
    const reject = (error: unknown) => {
      if (isLocked(error)) locked.set(tenant, error);
      waiting.reject(error);
    };
    const answer = await commitGroup(appender, [{ ...waiting, reject }]);
    // Answered at once: an accepted request does not wait for the next one's lock.
    answer();
  }
  return () => {
    for (const answer of answers) answer();
  };
}

/** The wait for a log or key that another session has locked reached its limit (SQLSTATE 55P03). */
function isLocked(error: unknown): boolean {
  return error instanceof StoreUnavailable && (error.cause as { code?: string } | undefined)?.code === LOCK_NOT_AVAILABLE;
}
const LOCK_NOT_AVAILABLE = '55P03';

function isOperator(batch: readonly Submission[]): boolean {
  return batch[0]?.credential?.roles.some((role) => role === 'rollback' || role === 'administer') ?? false;
}
