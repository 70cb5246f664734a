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

const opened = async (options: Partial<RecantOptions> = {}): Promise<Recant> => {
  const { url, apiKey } = ledger;
  const recant = createRecant({ url, apiKey, agent: 'bot', onProblem: (problem) => problems.push(problem), ...options });
  await recant.open();
  return recant;
};
const act = async (recant: Recant, times: number, text = ''): Promise<void> => {
  for (let n = 0; n < times; n += 1) await recant.action({ tool: 't', arguments: { n, text } }, () => {});
};
const numbers = (): number[] => ledger.events.map(({ sequence }) => Number(sequence));
const upTo = (last: number): number[] => Array.from({ length: last }, (_, at) => at + 1);

test('a ledger that was set back gets what it had acknowledged again, verbatim and in order, before anything newer', async () => {
  const recant = await opened();
  await act(recant, 3);
  const before = structuredClone(ledger.events);
  // Too large for an event: it stands beside it, and is gone with the older copy.
  await act(recant, 1, 'x'.repeat(50_000));
  ledger.setBack(2);
  await act(recant, 2);
  await recant.close();
  expect(numbers()).toEqual(upTo(14));
  expect(ledger.events.slice(0, before.length)).toEqual(before);
  expect(ledger.parts.size).toBe(1);
  expect(problems).toEqual([]);
});

test('set back again in the middle of it, it begins again', async () => {
  const recant = await opened();
  await act(recant, 300);
  ledger.setBack(1);
  const acting = act(recant, 1);
  // More than one request holds.
  await ledger.until(() => ledger.events.length > 1);
  expect(ledger.events.length).toBeLessThan(601);
  ledger.setBack(0);
  await acting;
  await recant.close();
  expect(numbers()).toEqual(upTo(604));
  expect(problems).toEqual([]);
});

test('an idle source finds out by its heartbeat', async () => {
  const recant = await opened({ leaseMs: 30 });
  await act(recant, 2);
  ledger.setBack(1);
  await ledger.until(() => ledger.of('recant.source.heartbeat.v1').length > 0 && ledger.of('recant.attempt.settled.v1').length === 2);
  await recant.close();
  expect(numbers()).toEqual(upTo(ledger.events.length));
});

test('close waits until what was acknowledged is there again', async () => {
  const recant = await opened();
  await act(recant, 2);
  ledger.setBack(0);
  await recant.close();
  expect(numbers()).toEqual(upTo(6));
});

test('memory is bounded: the oldest is let go, which is told once where nothing outside covers it', async () => {
  const recant = await opened({ resendEventsMax: 4 });
  await act(recant, 4);
  expect(problems).toMatchObject([{ code: 'resend_buffer_full', message: expect.stringContaining('limits: 4 events') }]);
  ledger.setBack(1);
  await act(recant, 1);
  expect(problems.slice(1)).toMatchObject([{ code: 'acknowledged_lost', pending: [expect.stringMatching(/\.1\.settled$/)] }]);
  expect(numbers()).toEqual([1, ...upTo(11).slice(5)]);
  // The hole is the ledger's to show.
  expect(ledger.violations).toHaveLength(1);
  ledger.violations.length = 0;
  await recant.close();
});

test('bytes are bounded too, those of parts among them', async () => {
  const recant = await opened({ resendBytesMax: 60_000 });
  await act(recant, 1, 'x'.repeat(50_000));
  expect(problems).toEqual([]);
  await act(recant, 1, 'x'.repeat(50_000));
  expect(problems).toMatchObject([{ code: 'resend_buffer_full' }]);
  await recant.close();
});

test('what is covered makes room without a word, and is sent again as long as it is kept', async () => {
  const recant = await opened({ leaseMs: 30, resendEventsMax: 200 });
  ledger.standing.covered = Number.MAX_SAFE_INTEGER;
  for (let n = 0; n < 6; n += 1) {
    await act(recant, 20);
    // The question after the next is about something newer than all of these, and the one after that comes when it is answered.
    const { asked } = ledger;
    await ledger.until(() => ledger.asked >= asked + 3);
  }
  expect(problems).toEqual([]);
  ledger.setBack(ledger.events.length - 60);
  await act(recant, 1);
  await recant.close();
  expect(ledger.events.length).toBeGreaterThan(200);
  expect(numbers()).toEqual(upTo(ledger.events.length));
});

test('nothing is kept where nothing may be: a ledger that was set back goes on with a hole', async () => {
  const recant = await opened({ resendEventsMax: 0 });
  await act(recant, 2);
  ledger.setBack(1);
  await act(recant, 1);
  await recant.close();
  expect(numbers()).toEqual([1, 6, 7, 8]);
  expect(problems).toMatchObject([{ code: 'resend_buffer_full' }, { code: 'acknowledged_lost' }]);
  ledger.violations.length = 0;
});

test('what a ledger refuses that it had acknowledged is told once, with all ids, and the rest goes on', async () => {
  const recant = await opened();
  await act(recant, 2);
  ledger.setBack(0);
  ledger.mode = { kind: 'refuse_event', id: (id) => id === 'opened' || /intended$/.test(id) };
  const refused = recant.action({ tool: 't' }, () => {});
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

test('a way that can only ask sends all of it again once an epoch was opened', async () => {
  const sent: string[] = [];
  const standing = { epoch: 1, covered: false };
  let asked = 0;
  const recant = await opened({
    leaseMs: 30,
    transport: {
      async send(items) {
        sent.push(...items.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()).id as string));
        return items.map(() => ({ kind: 'acknowledged' }) as const);
      },
      standing: async () => {
        asked += 1;
        return { ...standing };
      },
      close: async () => {},
    },
  });
  await waitUntil(() => asked > 0);
  await act(recant, 1);
  standing.epoch = 2;
  await waitUntil(() => sent.filter((id) => id === 'opened').length === 2);
  await recant.close();
  const again = sent.lastIndexOf('opened');
  expect(sent.slice(again).slice(0, again)).toEqual(sent.slice(0, again));
  expect(sent.filter((id) => id === 'opened')).toHaveLength(2);
  expect([ledger.events, problems]).toEqual([[], []]);
});

test('a way that cannot ask keeps nothing, and says nothing', async () => {
  const recant = await opened({
    resendEventsMax: 1,
    transport: { send: async (items) => items.map(() => ({ kind: 'acknowledged' }) as const), close: async () => {} },
  });
  await act(recant, 3);
  await recant.close();
  expect(problems).toEqual([]);
});
