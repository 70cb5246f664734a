import { setTimeout as delay } from 'node:timers/promises';
import { parseDurationMs } from '@recant/api';
import type { Client } from '@recant/client';
import { CliError, EXIT } from '../terminal/exit.ts';
import { printable } from '../terminal/output.ts';
import type { Progress } from '../terminal/progress.ts';

/** Milliseconds between two progress lines. */
const SLICE_MS = 2_000;
const WAIT_MS_MAX = 3_600_000;

/** @throws CliError */
export const waitOf = (text: string): number => durationOf('--wait', text, WAIT_MS_MAX);

/** @throws CliError */
export function durationOf(option: string, text: string, msMax: number): number {
  const ms = parseDurationMs(text);
  if (ms !== undefined && ms <= msMax) return ms;
  throw new CliError(EXIT.usage, `${option}: expected a duration of at most ${msMax / 3_600_000}h, got ${JSON.stringify(text)}`);
}

/** Waits for what was sent to the ledger or committed in a system, and says for what; the plan names what did not come in time. */
export async function waitForRecord(client: Pick<Client, 'watermark'>, waitMs: number, progress: Progress): Promise<void> {
  for (const end = performance.now() + waitMs; ; ) {
    const asked = performance.now();
    const { missing } = await client.watermark(Math.round(Math.max(0, Math.min(SLICE_MS, end - asked))));
    const left = end - performance.now();
    if (missing.length === 0 || left <= 0) return;
    const [first, ...more] = missing.map(({ subject, detail }) => `${subject}: ${detail}`);
    progress.note(
      printable(`Waiting for the record, ${Math.ceil(left / 1_000)} s left. ${first}${more.length > 0 ? ` And ${more.length} more.` : ''}`),
    );
    await delay(Math.max(0, Math.min(left, asked + SLICE_MS - performance.now())));
  }
}
