import { callKey, decodeEvent, type RecantEvent } from '@recant/events';
import { afterEach, expect, test } from 'vitest';
import { createRecant, type Outgoing, type Recant, type RecantError, type Transport, TransportError } from '../src/index.ts';

const RESOURCE = 'smtp://mail/ann';
const KEY = callKey({ tool: 'send', resources: [RESOURCE], arguments: { inline: {} } }) as string;
type Asked = Parameters<NonNullable<Transport['askFence']>>[0];

/** A transport whose broker acknowledges everything, and a ledger that knows one fence. */
function brokered(answer: (question: Asked) => Promise<{ fence: string; detail: string } | undefined>) {
  const events: RecantEvent[] = [];
  const asked: Asked[] = [];
  let granted = false;
  const transport: Transport = {
    async send(items: readonly Outgoing[]) {
      for (const { bytes } of items) {
        const decoded = decodeEvent(bytes);
        if (decoded.ok) events.push(decoded.event);
      }
      return items.map(() => ({ kind: 'acknowledged' as const }));
    },
    async lease({ applied, fences }, signal) {
      expect(fences).toBe(true);
      // Nothing changes after the grant.
      if (granted)
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new TransportError('stopped')), { once: true }));
      granted = applied === 7;
      return { version: 7, granted, leaseMs: 60_000, freezes: [], ...(applied === 7 ? {} : { fences: [KEY.slice(0, 16)] }) };
    },
    askFence(question) {
      asked.push(question);
      return answer(question);
    },
    close: async () => {},
  };
  return { transport, events, asked };
}

const open: Recant[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((recant) => recant.close()));
});
function recorderOf(transport: Transport): Recant {
  const recant = createRecant({ transport, agent: 'bot', onProblem: () => {} });
  open.push(recant);
  return recant;
}
const codeOf = (work: Promise<unknown>): Promise<RecantError | undefined> =>
  work.then(
    () => undefined,
    (error: RecantError) => error,
  );
const options = { resources: [RESOURCE], reversibility: 'irreversible' } as const;

test('over a broker: a fenced call is asked about before its tool runs, and recorded as denied; other calls are not asked about', async () => {
  const { transport, events, asked } = brokered(async () => ({ fence: 'f-1', detail: 'Undone in run 7.' }));
  const recant = recorderOf(transport);
  let ran = 0;
  const error = await codeOf(recant.action('send', { text: 'hi' }, () => (ran += 1), options));
  expect(error).toMatchObject({ code: 'fenced', fence: { fence: 'f-1', detail: 'Undone in run 7.' } });
  expect([ran, asked.length]).toEqual([0, 1]);
  expect(asked[0]).toMatchObject({ agent: 'bot', attempt: 1, call: KEY });
  await recant.action('send', {}, () => (ran += 1), { ...options, resources: ['smtp://mail/bob'] });
  await recant.action('read', {}, () => (ran += 1), { resources: [RESOURCE], reversibility: 'read' });
  expect([ran, asked.length]).toEqual([2, 1]);
  await recant.flush();
  const denied = events.filter((event) => event.type === 'recant.attempt.settled.v1' && event.data.outcome === 'denied');
  expect(denied).toMatchObject([{ data: { action: asked[0]?.action, error: { code: 'fenced' } } }]);
});

test('over a broker: an allowed call runs; without an answer of the ledger a call that may be fenced does not', async () => {
  const answers = [async () => undefined, () => Promise.reject(new TransportError('away'))];
  const { transport } = brokered(() => (answers.shift() as () => Promise<undefined>)());
  const recant = recorderOf(transport);
  let ran = 0;
  const act = () => codeOf(recant.action('send', {}, () => (ran += 1), options));
  expect([await act(), ran]).toEqual([undefined, 1]);
  const error = await act();
  expect([error?.code, ran]).toEqual(['ledger_unavailable', 1]);
  expect(error?.message).toContain('away');
});
