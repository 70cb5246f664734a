import { waitUntil } from '@recant/test-support';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRecant, type Recant, type RecantError, type RecantOptions } from '../src/index.ts';
import { type FakeLedger, startLedger } from './ledger.ts';

let ledger: FakeLedger;
let problems: RecantError[];
beforeEach(async () => {
  ledger = await startLedger();
  problems = [];
});
afterEach(async () => {
  expect(ledger.violations).toEqual([]);
  await ledger.close();
});

/** On a busy machine: no heartbeat that a test does not ask for, and no wait that ends before the ledger's answer. */
const PATIENT = { leaseMs: 600_000, ackTimeoutMs: 60_000, closeTimeoutMs: 60_000 };
const opened = async (options: Partial<RecantOptions> = {}): Promise<Recant> => {
  const { url, apiKey } = ledger;
  const recant = createRecant({ url, apiKey, agent: 'bot', onProblem: (problem) => problems.push(problem), ...PATIENT, ...options });
  await recant.open();
  return recant;
};
const act = async (recant: Recant, times: number, text = ''): Promise<void> => {
  for (let n = 0; n < times; n += 1) await recant.action('t', { n, text }, () => {});
  await recant.flush();
};
const numbers = (): number[] => ledger.events.map(({ sequence }) => Number(sequence));
const upTo = (last: number): number[] => Array.from({ length: last }, (_, at) => at + 1);

test('a restored ledger gets its acknowledged events again, with the same bytes and in order, before newer ones', async () => {
  const recant = await opened();
  await act(recant, 3);
  const before = structuredClone(ledger.events);
  // Too large for inline: stored as a part, which the older copy lacks.
  await act(recant, 1, 'x'.repeat(50_000));
  ledger.restore(2);
  await act(recant, 2);
  await recant.close();
  expect(numbers()).toEqual(upTo(14));
  expect(ledger.events.slice(0, before.length)).toEqual(before);
  expect(ledger.parts.size).toBe(1);
  expect(problems).toEqual([]);
});

test('a second restore during the resend starts it again', async () => {
  const recant = await opened();
  await act(recant, 300);
  ledger.restore(1);
  const acting = act(recant, 1);
  // More than fits in one request.
  await ledger.until(() => ledger.events.length > 1);
  expect(ledger.events.length).toBeLessThan(601);
  ledger.restore(0);
  await acting;
  await recant.close();
  expect(numbers()).toEqual(upTo(604));
  expect(problems).toEqual([]);
});

test('an idle source notices the restore at its heartbeat', async () => {
  const recant = await opened({ leaseMs: 30 });
  await act(recant, 2);
  ledger.restore(1);
  await ledger.until(() => ledger.of('recant.source.heartbeat.v1').length > 0 && ledger.of('recant.attempt.settled.v1').length === 2);
  await recant.close();
  expect(numbers()).toEqual(upTo(ledger.events.length));
});

test('close waits until the ledger has the acknowledged events again', async () => {
  const recant = await opened();
  await act(recant, 2);
  ledger.restore(0);
  await recant.close();
  expect(numbers()).toEqual(upTo(6));
});

test('memory is bounded: the oldest event is dropped, reported once if it is not covered', async () => {
  const recant = await opened({ resendEventsMax: 4 });
  await act(recant, 4);
  expect(problems).toMatchObject([{ code: 'resend_buffer_full', message: expect.stringContaining('limits: 4 events') }]);
  ledger.restore(1);
  await act(recant, 1);
  expect(problems.slice(1)).toMatchObject([{ code: 'acknowledged_lost', pending: [expect.stringMatching(/\.1\.settled$/)] }]);
  expect(numbers()).toEqual([1, ...upTo(11).slice(5)]);
  // The ledger reports the gap.
  expect(ledger.violations).toHaveLength(1);
  ledger.violations.length = 0;
  await recant.close();
});

test('bytes are bounded too, including parts', async () => {
  const recant = await opened({ resendBytesMax: 60_000 });
  await act(recant, 1, 'x'.repeat(50_000));
  expect(problems).toEqual([]);
  await act(recant, 1, 'x'.repeat(50_000));
  expect(problems).toMatchObject([{ code: 'resend_buffer_full' }]);
  await recant.close();
});

test('covered events are dropped without a report, and sent again while buffered', async () => {
  const recant = await opened({ leaseMs: 30, resendEventsMax: 200 });
  ledger.durability.covered = Number.MAX_SAFE_INTEGER;
  for (let n = 0; n < 6; n += 1) {
    await act(recant, 20);
    // The next question but one is about an event newer than all of these; the one after that is sent when it was answered.
    const { asked } = ledger;
    await ledger.until(() => ledger.asked >= asked + 3);
  }
  expect(problems).toEqual([]);
  ledger.restore(ledger.events.length - 60);
  await act(recant, 1);
  await recant.close();
  expect(ledger.events.length).toBeGreaterThan(200);
  expect(numbers()).toEqual(upTo(ledger.events.length));
});

test('with resendEventsMax 0 nothing is buffered: the restored ledger continues with a gap', async () => {
  const recant = await opened({ resendEventsMax: 0 });
  await act(recant, 2);
  ledger.restore(1);
  await act(recant, 1);
  await recant.close();
  expect(numbers()).toEqual([1, 6, 7, 8]);
  expect(problems).toMatchObject([{ code: 'resend_buffer_full' }, { code: 'acknowledged_lost' }]);
  ledger.violations.length = 0;
});

test('acknowledged events that the restored ledger refuses are reported once, with all ids, and the others are sent', async () => {
  const recant = await opened();
  await act(recant, 2);
  ledger.restore(0);
  ledger.mode = { kind: 'refuse_event', id: (id) => id === 'opened' || /intended$/.test(id) };
  const refused = recant.action('t', {}, () => {});
  await expect(refused).rejects.toMatchObject({ code: 'refused' });
  expect(problems).toMatchObject([
    {
      code: 'acknowledged_lost',
      refusal: { code: 'agent_not_allowed' },
      pending: ['opened', expect.stringMatching(/intended$/), expect.stringMatching(/intended$/)],
    },
  ]);
  ledger.mode = { kind: 'up' };
  ledger.violations.length = 0;
  await act(recant, 1);
  await recant.close();
  expect(numbers()).toEqual([3, 5, 7, 8, 9]);
  ledger.violations.length = 0;
});

test('a transport without log_behind_source sends the whole buffer again after an epoch was opened', async () => {
  const sent: string[] = [];
  const durability = { epoch: 1, covered: false };
  let asked = 0;
  const recant = await opened({
    leaseMs: 30,
    transport: {
      async send(items) {
        sent.push(...items.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()).id as string));
        return items.map(() => ({ kind: 'acknowledged' }) as const);
      },
      durability: async () => {
        asked += 1;
        return { ...durability };
      },
      close: async () => {},
    },
  });
  await waitUntil(() => asked > 0);
  await act(recant, 1);
  durability.epoch = 2;
  await waitUntil(() => sent.filter((id) => id === 'opened').length === 2);
  await recant.close();
  const again = sent.lastIndexOf('opened');
  expect(sent.slice(again).slice(0, again)).toEqual(sent.slice(0, again));
  expect(sent.filter((id) => id === 'opened')).toHaveLength(2);
  expect([ledger.events, problems.map(({ code }) => code)]).toEqual([[], ['freeze_unavailable']]);
});

test('a transport without durability buffers nothing, and reports only that it cannot learn of freezes', async () => {
  const recant = await opened({
    resendEventsMax: 1,
    transport: { send: async (items) => items.map(() => ({ kind: 'acknowledged' }) as const), close: async () => {} },
  });
  await act(recant, 3);
  await recant.close();
  expect(problems.map(({ code }) => code)).toEqual(['freeze_unavailable']);
});
