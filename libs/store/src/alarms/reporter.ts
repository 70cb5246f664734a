import type { Alarms } from './alarms.ts';
import type { TenantCondition } from './raise.ts';

/** Milliseconds after which an alarm ends if its process no longer confirms it. */
const HOLD_MS = 120_000;

/** Keeps the alarms of one process equal to the conditions that it sees. */
export interface AlarmReporter {
  /** Raises these, and clears those of the last call that are not among them. After a failure the next call repeats it. */
  report(found: readonly TenantCondition[]): Promise<void>;
}

export function createAlarmReporter(alarms: Pick<Alarms, 'raise' | 'clear'>): AlarmReporter {
  /** Raised by this process and not cleared since. */
  const raised = new Map<string, TenantCondition>();
  const keyOf = ({ tenant, code, subject }: TenantCondition): string => JSON.stringify([tenant, code, subject]);
  return {
    async report(found) {
      const present = new Set(found.map(keyOf));
      for (const [key, { tenant, code, subject }] of raised) {
        if (present.has(key)) continue;
        await alarms.clear(tenant, code, [subject]);
        raised.delete(key);
      }
      for (const condition of found) {
        raised.set(keyOf(condition), condition);
        await alarms.raise(condition.tenant, [condition], HOLD_MS);
      }
    },
  };
}
