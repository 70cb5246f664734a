import { type Effect, effectsDigest, eventId, type RecantEvent } from '@recant/events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningLedger, startLedger } from './harness.ts';
import { TestSource } from './producer.ts';

let ledger: RunningLedger;
beforeAll(async () => {
  ledger = await startLedger();
});
afterAll(() => ledger.stop());

const EFFECTS = 20_000;
const EFFECTS_PER_CHUNK = 100;
const COLUMNS = ['price', 'status', 'note', 'currency'];
const PAGE_BYTES_MAX = 4_194_304;

test('an attempt of 20,000 effects is answered in pages of bounded size, each with the whole state and each event once (L10, r7)', async () => {
  const source = new TestSource('bulk');
  const { action, bytes } = source.intended();
  const effectAt = (n: number): Effect => ({
    resource: `filesystem://shop/public.orders/${n}`,
    operation: 'update',
    ordinal: String(n),
    parts: Object.fromEntries(COLUMNS.map((column) => [column, { before: `v1.${'A'.repeat(22)}`, after: `v1.${'B'.repeat(22)}` }])),
  });
  const chunks = Array.from({ length: EFFECTS / EFFECTS_PER_CHUNK }, (_, n) =>
    Array.from({ length: EFFECTS_PER_CHUNK }, (_, m) => effectAt(n * EFFECTS_PER_CHUNK + m)),
  );
  const events = chunks.map((effects, chunk) =>
    source.event('recant.attempt.effects.v1', eventId.effects(action, 1, chunk), { action, attempt: 1, chunk, effects }),
  );
  await ledger.agents.submitBatch([bytes]);
  for (let at = 0; at < events.length; at += 50) await ledger.agents.submitBatch(events.slice(at, at + 50));
  const counted = { chunks: chunks.length, effects: EFFECTS, digest: effectsDigest(chunks) };
  const end = { action, attempt: 1, outcome: 'succeeded', ...counted, durationMs: 5 } as const;
  await ledger.agents.submitEvent(source.event('recant.attempt.settled.v1', eventId.settled(action, 1), end));

  const seen: RecantEvent[] = [];
  const pages: number[] = [];
  for (let cursor: string | undefined, isLast = false; !isLast; ) {
    const page = await ledger.operator.action(action, cursor === undefined ? {} : { cursor });
    const [attempt] = page.attempts;
    expect(attempt).toMatchObject({ status: 'succeeded', complete: true, effects: EFFECTS, tool: 'reprice', agent: 'bulk' });
    const text = JSON.stringify(page);
    pages.push(text.length);
    expect(text.length).toBeLessThan(1.2 * PAGE_BYTES_MAX);
    seen.push(...(attempt?.events ?? []).map(({ event }) => event));
    cursor = page.next;
    isLast = cursor === undefined;
  }
  expect(pages.length).toBeGreaterThan(1);
  expect(seen.map(({ id }) => id)).toEqual([
    eventId.intended(action, 1),
    ...chunks.map((_, chunk) => eventId.effects(action, 1, chunk)),
    eventId.settled(action, 1),
  ]);
  await expect(ledger.operator.action(action, { cursor: 'x' })).rejects.toMatchObject({ code: 'cursor_invalid' });
});
