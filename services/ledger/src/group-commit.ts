import { ApiFault } from '@recant/api';
import { BATCH_EVENTS_MAX } from '@recant/events';
import { type Appender, LedgerTampered, type Receipt, type Submission } from '@recant/ledger';
import { createByteBudget, createFairQueue, type FairQueue } from '@recant/queues';

/** Bytes of events that wait for their transaction; over it requests are refused. */
export const WAITING_BYTES_MAX = 33_554_432;
/** Of which this much is kept for keys of the rollback service and of administrators. */
export const WAITING_BYTES_RESERVED = 4_194_304;
/** Bytes of one transaction. */
const GROUP_BYTES_MAX = 8_388_608;

/** Many requests, few transactions: what comes in while one transaction runs shares the next one, tenants in turns. */
export interface GroupCommit {
  /** Receipts in order, after the commit. Rejects with ApiFault `overloaded` or `shutting_down`, or with what the appender says: then nothing is known to be kept. */
  submit(batch: readonly Submission[]): Promise<readonly Receipt[]>;
  /** Refuses what comes from now on, and resolves when all that waits has been answered. */
  close(): Promise<void>;
  readonly waitingBytes: number;
}

interface Waiting {
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
 * Groups are committed one after another, each tenant's requests in order of arrival, so that a source's order over one connection is kept. As with
 * request bodies (`createByteBudget`) a tenant's events hold at most as much as they leave free.
 */
export function createGroupCommit(appender: Appender, options: GroupCommitOptions = {}): GroupCommit {
  const budget = createByteBudget(options.waitingBytesMax ?? WAITING_BYTES_MAX, options.waitingBytesReserved ?? WAITING_BYTES_RESERVED);
  const queue = createFairQueue<Waiting>();
  let closed = false;
  let draining: Promise<void> | undefined;

  async function drain(): Promise<void> {
    for (let group = takeGroup(queue); group.length > 0; group = takeGroup(queue)) (await commitGroup(appender, group))();
    draining = undefined;
  }

  return {
    submit(batch) {
      if (closed) return Promise.reject(new ApiFault('shutting_down', 'The ledger is shutting down.'));
      const bytes = batch.reduce((sum, submission) => sum + submission.bytes.length, 0);
      const operator = isOperator(batch);
      const tenant = batch[0]?.credential?.tenant ?? '';
      const release = budget.reserve(bytes, { tenant, operator });
      if (!release) return Promise.reject(new ApiFault('overloaded', 'As many events of this tenant wait for the store as may.'));
      const answer = new Promise<readonly Receipt[]>((resolve, reject) =>
        // Operators have a queue of their own in each tenant: they do not wait behind its agents.
        queue.add(`${operator} ${tenant}`, { batch, bytes, resolve, reject }),
      ).finally(release);
      draining ??= drain();
      return answer;
    },
    async close() {
      closed = true;
      await draining;
    },
    get waitingBytes() {
      return budget.bytes;
    },
  };
}

/** At least one request, taken from the queues round-robin. A request is never split, which would lose its order. */
function takeGroup(queue: FairQueue<Waiting>): Waiting[] {
  const group: Waiting[] = [];
  let events = 0;
  let bytes = 0;
  for (let next = queue.peek(); next !== undefined; next = queue.peek()) {
    events += next.batch.length;
    bytes += next.bytes;
    if (group.length > 0 && (events > BATCH_EVENTS_MAX || bytes > GROUP_BYTES_MAX)) break;
    queue.take();
    group.push(next);
  }
  return group;
}

/** Commits, and gives back how everybody is told. A log that nothing may be appended to fails who wrote to it, not who happened to come along. */
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
    if (error instanceof LedgerTampered && group.length > 1) {
      const answers: (() => void)[] = [];
      for (const waiting of group) answers.push(await commitGroup(appender, [waiting]));
      return () => {
        for (const answer of answers) answer();
      };
    }
    return () => {
      for (const { reject } of group) reject(error);
    };
  }
}

function isOperator(batch: readonly Submission[]): boolean {
  return batch[0]?.credential?.roles.some((role) => role === 'rollback' || role === 'administer') ?? false;
}
