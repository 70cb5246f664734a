import type { ActRecorded } from '@recant/events';
import type { Logger } from '../log.ts';

/** Milliseconds between two tries. */
const RETRY_MS = 5_000;
/** Acts that wait; the log has those beyond it, and why. */
const ACTS_MAX = 10_000;

/** Acts that were executed while nothing could be recorded, in order. */
export interface LateActs {
  add(tenant: string, data: ActRecorded): void;
  /** Tries once more. */
  close(): Promise<void>;
}

export function createLateActs(push: (tenant: string, data: ActRecorded) => Promise<void>, logger: Logger): LateActs {
  const waiting: { readonly tenant: string; readonly data: ActRecorded }[] = [];
  let timer: NodeJS.Timeout | undefined;
  let trying: Promise<void> = Promise.resolve();
  const lost = (tenant: string, data: ActRecorded, err?: unknown): void =>
    logger.error(
      { alarm: 'act_lost', tenant, ...data, ...(err === undefined ? {} : { err }) },
      'acts: only this line has an act that was executed',
    );

  async function tryAll(): Promise<void> {
    try {
      for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
        await push(first.tenant, first.data);
        waiting.shift();
      }
    } catch (err) {
      logger.debug({ err, waiting: waiting.length }, 'acts: still not recorded');
    }
  }
  function plan(): void {
    if (timer !== undefined || waiting.length === 0) return;
    timer = setTimeout(() => {
      trying = tryAll().finally(() => {
        timer = undefined;
        plan();
      });
    }, RETRY_MS).unref();
  }

  return {
    add(tenant, data) {
      if (waiting.length >= ACTS_MAX) return lost(tenant, data);
      waiting.push({ tenant, data });
      plan();
    },
    async close() {
      await trying;
      await tryAll();
      clearTimeout(timer);
      for (const { tenant, data } of waiting) lost(tenant, data);
    },
  };
}
