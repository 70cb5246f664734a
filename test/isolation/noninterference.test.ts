import { callKey, partDigest } from '@recant/events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningLedger, TENANT } from '../../services/ledger/test/harness.ts';
import { changed, submitAll, TestSource } from '../../services/ledger/test/producer.ts';
import { CANARY, liveOnce, PART, SALT, type World } from './world.ts';

let alone: World;
let beside: World;
beforeAll(async () => {
  alone = await liveOnce(async () => {});
  beside = await liveOnce(actAsA);
}, 240_000);
afterAll(async () => {
  await alone?.ledger.stop();
  await beside?.ledger.stop();
});

/** A's activity: the same sources, ids and parts as B, many others, repeats, equivocations, keys, refusals, unknown callers. */
async function actAsA(ledger: RunningLedger, round: number): Promise<void> {
  const own = Object.assign(new TestSource('bot'), { source: `recant://bot/${['one', 'two', 'three'][round] ?? CANARY}` });
  const action = `018f0000-0000-7000-8000-00000000000${round + 1}`;
  const { events } = own.attempt([`postgres://${CANARY}/public.orders/1`], { action, tool: CANARY });
  await ledger.agents.submitBatch([own.opened(), ...events]);
  await ledger.agents.submitBatch([...events, changed(events[0] as Uint8Array, { time: '2029-01-01T00:00:00.000Z' })]);
  const many = Array.from({ length: 20 }, (_, n) => Object.assign(new TestSource(CANARY), { source: `recant://${CANARY}/${round}/${n}` }));
  await submitAll(
    ledger.agents,
    many.flatMap((source) => [source.opened(), source.intended({ arguments: { inline: { text: CANARY } } }).bytes]),
  );
  await ledger.agents.putPart(partDigest(SALT, PART), SALT.toString('base64url'), PART);
  await ledger.operator.createKey({ roles: ['view'], agents: [], resources: [], sourcePrefix: 'recant://', label: CANARY });
  await ledger.store.freezes.order(TENANT, { scope: 'agent', value: round % 2 === 0 ? 'bot' : CANARY, reason: CANARY, by: CANARY });
  const terms = { reason: CANARY, by: CANARY, expiresAtMs: Date.now() + 3_600_000 };
  // The key of B's calls.
  const key = callKey({ tool: 'reprice', resources: ['postgres://shop/public.orders/1'], arguments: { inline: {} } }) as string;
  await ledger.store.fences.set(TENANT, { key, tool: CANARY, resources: [CANARY] }, terms);
  await ledger.post(`{"${CANARY}":1}`);
  await ledger.post(`{"${CANARY}":1}`, { key: `recant_abcd_${'A'.repeat(43)}` });
  await ledger.post('', { path: '/v1/keys' });
}

/** Replaces values that depend only on chance and the clock: ids, times, hashes, signatures. Counts stay. */
function plain(bytes: Buffer): string {
  const text = bytes.toString('latin1');
  const opened = text.replaceAll(
    /"(next|tail)":"([A-Za-z0-9_-]+)"/g,
    (_, name: string, cursor: string) => `"${name}":"${Buffer.from(cursor, 'base64url').toString('latin1')}"`,
  );
  return opened
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/\b1[789]\d{11}\b/g, 'MS')
    .replaceAll(/"slot":\d+/g, '"slot":DRAWN')
    .replaceAll(/\b[0-9a-f]{64}\b/g, 'HASH')
    .replaceAll(/\b[0-9a-f]{20}\b/g, 'KEY')
    .replaceAll(/[A-Za-z0-9+/]{40,}={0,2}/g, 'BYTES');
}

/** Of binary bodies (hashes, frames) only the length is compared. */
const answersOf = (world: World): Record<string, unknown> =>
  Object.fromEntries(
    [...world.answers].map(([path, { status, headers, bytes }]) => {
      const binary = headers.get('content-type') === 'application/octet-stream';
      const names = [...headers.keys()].filter((name) => name !== 'content-length').sort();
      return [path, { status, names, body: binary ? bytes.length : plain(bytes) }];
    }),
  );

test('I10: ids, counts, indexes, sizes, tiles, cursors, heads: answers to B are the same with and without A', () => {
  expect(answersOf(beside)).toEqual(answersOf(alone));
});

test('I10: B’s events get the same answers although A sent the same sources, ids and parts, with the same and other bytes', () => {
  expect(beside.receipts).toEqual(alone.receipts);
  expect(beside.receipts.map((receipt) => (receipt as { kind: string }).kind)).toEqual(
    Array.from({ length: 3 }, () => ['appended', 'appended', 'appended', 'appended', 'duplicate', 'refused']).flat(),
  );
});

test('I10: no data of A reaches B through any route', () => {
  for (const [path, { bytes, headers }] of beside.answers) {
    const text = `${bytes.toString('latin1')}${JSON.stringify([...headers])}${Buffer.from(bytes.toString('latin1'), 'base64').toString('latin1')}`;
    const asked = new RegExp(`${CANARY}|acme`);
    // The answer quotes B's own request.
    if (path.includes(CANARY)) continue;
    expect(text, path).not.toMatch(asked);
  }
});

test('the two worlds differ in answers to A, so the tests above can fail', async () => {
  const logs = async ({ ledger }: World) => (await ledger.operator.logs()).reduce((sum, { size }) => sum + size, 0);
  expect(await logs(alone)).toBe(0);
  expect(await logs(beside)).toBeGreaterThan(200);
  expect((await beside.ledger.operator.sources({ totals: true })).totals?.sources).toBeGreaterThan(100);
  const read = [...alone.answers]
    .filter(([, { status, bytes }]) => status === 200 && bytes.length > 0)
    .map(([path]) => path.split(/[?]/)[0]);
  expect(new Set(read).size).toBeGreaterThan(15);
});

test('both ledgers are sound', async () => {
  expect([await alone.ledger.audit(), await beside.ledger.audit()]).toEqual([[], []]);
});
