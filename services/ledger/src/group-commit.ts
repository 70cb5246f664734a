import { ApiFault } from '@recant/api';
import { BATCH_EVENTS_MAX } from '@recant/events';
import { type Appender, LedgerTampered, type Receipt, type Submission } from '@recant/ledger';

/** Bytes of events that wait for their transaction; over it requests are refused. */
export const WAITING_BYTES_MAX = 33_554_432;
/** Of which this much is kept for keys of the rollback service and of administrators. */
export const WAITING_BYTES_RESERVED = 4_194_304;
/** Bytes of one transaction. */
const GROUP_BYTES_MAX = 8_388_608;

/** Many requests, few transactions: what comes in while one transaction runs shares the next one. */
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

/** Groups are committed one after another in order of arrival, so that a source's order over one connection is kept. */
export function createGroupCommit(appender: Appender, options: GroupCommitOptions = {}): GroupCommit {
  const bytesMax = options.waitingBytesMax ?? WAITING_BYTES_MAX;
  const reserved = options.waitingBytesReserved ?? WAITING_BYTES_RESERVED;
  const queue: Waiting[] = [];
  let waitingBytes = 0;
  let closed = false;
  let draining: Promise<void> | undefined;

  async function drain(): Promise<void> {
    while (queue.length > 0) {
      const group = takeGroup(queue);
      const answer = await commitGroup(appender, group);
      waitingBytes -= group.reduce((sum, { bytes }) => sum + bytes, 0);
      answer();
    }
    draining = undefined;
  }

  return {
    submit(batch) {
      if (closed) return Promise.reject(new ApiFault('shutting_down', 'The ledger is shutting down.'));
      const bytes = batch.reduce((sum, submission) => sum + submission.bytes.length, 0);
      const room = bytesMax - (isOperator(batch) ? 0 : reserved);
      if (waitingBytes + bytes > room && waitingBytes > 0)
        return Promise.reject(new ApiFault('overloaded', `${waitingBytes} bytes of events wait for the store.`));
      waitingBytes += bytes;
      const answer = new Promise<readonly Receipt[]>((resolve, reject) => queue.push({ batch, bytes, resolve, reject }));
      draining ??= drain();
      return answer;
    },
    async close() {
      closed = true;
      await draining;
    },
    get waitingBytes() {
      return waitingBytes;
    },
  };
}

/** At least one request; no request is split, since its order is its own. */
function takeGroup(queue: Waiting[]): Waiting[] {
  let events = 0;
  let bytes = 0;
  let count = 0;
  for (const waiting of queue) {
    events += waiting.batch.length;
    bytes += waiting.bytes;
    if (count > 0 && (events > BATCH_EVENTS_MAX || bytes > GROUP_BYTES_MAX)) break;
    count += 1;
  }
  return queue.splice(0, count);
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
