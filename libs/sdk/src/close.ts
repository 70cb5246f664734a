import type { Attempts } from './attempt/attempts.ts';
import { RecantError } from './error.ts';
import type { Outbox } from './outbox/outbox.ts';
import type { Permission } from './permission/permission.ts';
import type { Settings } from './settings.ts';
import type { Source } from './source.ts';
import { withTimeout } from './with-timeout.ts';

export interface ClosePorts {
  readonly wasOpen: boolean;
  readonly settings: Pick<Settings, 'closeTimeoutMs' | 'transport'>;
  readonly outbox: Outbox;
  readonly source: Source;
  readonly settlements: Attempts['settlements'];
  readonly permission: Permission;
  readonly running: ReadonlySet<Promise<unknown>>;
  /** Ids of refused events. */
  readonly refused: ReadonlySet<string>;
}

/** Waits `closeTimeoutMs` for the settlements of ended actions. @throws RecantError `unacknowledged` */
export async function flushRecorder({
  settings,
  outbox,
  settlements,
}: Pick<ClosePorts, 'settings' | 'outbox' | 'settlements'>): Promise<void> {
  const flushed = async (): Promise<true> => {
    await Promise.allSettled([...settlements.inProgress]);
    await outbox.drained();
    return true;
  };
  if ((await withTimeout(flushed(), settings.closeTimeoutMs)) === true) return;
  throw unacknowledged('Flushed', outbox.pending);
}

/** Waits `closeTimeoutMs` for running tools and acknowledgements, then stops the outbox. @throws RecantError `unacknowledged` */
export async function closeRecorder(ports: ClosePorts): Promise<void> {
  const { wasOpen, settings, outbox, source, settlements, permission, running, refused } = ports;
  const { closeTimeoutMs, transport } = settings;
  source.stopHeartbeat();
  if (!wasOpen) {
    // No tool has run, so there is nothing to wait for.
    permission.stop();
    outbox.stop();
    return transport.close();
  }
  const deadline = performance.now() + closeTimeoutMs;
  const leftMs = (): number => deadline - performance.now();
  const idle = async (): Promise<true> => {
    while (running.size + settlements.inProgress.size > 0) await Promise.allSettled([...running, ...settlements.inProgress]);
    return true;
  };
  const wasIdle = await withTimeout(idle(), leftMs());
  permission.stop();
  if (wasIdle) void source.close();
  await withTimeout(outbox.drained(), leftMs());
  const pending = [...new Set([...outbox.pending, ...settlements.due, ...refused, ...settlements.failed])];
  outbox.stop();
  await transport.close();
  if (pending.length === 0 && wasIdle) return;
  throw unacknowledged('Closed', pending);
}

function unacknowledged(done: string, pending: readonly string[]): RecantError {
  return new RecantError(
    'unacknowledged',
    `${done} with ${pending.length} events that the ledger has not acknowledged: ${pending.slice(0, 5).join(', ')}`,
    { pending },
  );
}
