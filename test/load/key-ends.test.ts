import type { KeyBody } from '@recant/api';
import { withSnapshot } from '@recant/store';
import { waitUntil } from '@recant/test-support';
import { auditTenant } from '@recant/verifier';
import { expect, test } from 'vitest';
import { bySource, countUnder, type RecordedEvent, recordedEvents, refusedUnder } from './recorded.ts';
import { prefixOf, type Sender } from './senders.ts';
import { type KeyInUse, type Stage, setStage, TENANT } from './stage.ts';

/**
 * Keys end while two processes of the ledger, on one database, take batches over HTTP and messages from Kafka at once. A sample runs always;
 * RECANT_LOAD=all sends ten times as much, five times over.
 */
const FULL = process.env.RECANT_LOAD === 'all';
/** Of each sender, before the ends and again after them. */
const EVENTS = FULL ? 6_000 : 600;
const PATIENCE_MS = FULL ? 600_000 : 90_000;

test.each(Array.from({ length: FULL ? 5 : 1 }, (_, n) => n + 1))(
  'round %i: what was acknowledged before a key ended is there once and in order, nothing comes after it, and its successor has no gap',
  { timeout: 2 * PATIENCE_MS },
  async (round) => {
    await using stage = await setStage(round);
    const { operator, store } = stage;
    const rotated = await stage.use('rotated', { overKafka: true });
    const cut = await stage.use('cut', { overKafka: false });
    const expiring = await stage.use('expiring', { overKafka: true });
    const revoked = await stage.use('revoked', { overKafka: true });
    const senders = [rotated, cut, expiring, revoked].flatMap(({ http, kafka }) => (kafka ? [http, kafka] : [http]));
    await sendMore(senders);

    // An overlap longer than the ledger is behind: nobody notices.
    const successor = await operator.rotateKey(rotated.keyId, { overlap: '1h' });
    rotated.http.useKey(successor.apiKey);
    rotated.kafka?.useKey(successor.apiKey);
    // None: batches on their way are refused, and go out again under the successor.
    cut.next.resolve((await operator.rotateKey(cut.keyId, { overlap: '0' })).apiKey);
    const cutAt = await countUnder(store, TENANT, cut.keyId);
    // Too short a one: the old key runs out in use, and over Kafka nobody tells its sender.
    const late = await operator.rotateKey(expiring.keyId, { overlap: '1s' });
    expiring.next.resolve(late.apiKey);
    await operator.revokeKey(revoked.keyId);
    const revokedAt = await countUnder(store, TENANT, revoked.keyId);
    revoked.next.resolve(undefined);

    await sendMore(senders.filter((sender) => sender !== revoked.http));
    await revoked.http.ended;
    await waitUntil(async () => expiring.http.refusals > 0 && (await refusedUnder(store, TENANT, expiring.keyId)).length > 0);
    for (const sender of senders) sender.stop();
    await Promise.all(senders.map(({ ended }) => ended));
    await stage.caughtUp();

    expect([rotated, cut, revoked].map(({ http }) => http.refusals)).toEqual([0, 1, 1]);
    const events = await recordedEvents(store, TENANT);
    for (const { http } of [rotated, cut, expiring, revoked]) expectAll(events, http);
    expectAll(events, rotated.kafka as Sender);
    for (const key of [expiring, revoked]) await expectBeginning(stage, events, key);
    for (const sender of [rotated.http, rotated.kafka as Sender, cut.http, expiring.http]) expectSucceeded(events, sender);
    expect([await countUnder(store, TENANT, cut.keyId), await countUnder(store, TENANT, revoked.keyId)]).toEqual([cutAt, revokedAt]);
    // One machine, one clock: what was recorded behind an end shows it.
    const keys = await operator.keys();
    const endMs = (end: (key: KeyBody) => string | undefined, { keyId }: KeyInUse) =>
      Date.parse(keys.filter((key) => key.keyId === keyId).map(end)[0] ?? '');
    const lastMs = ({ keyId }: KeyInUse) => Math.max(...events.filter((event) => event.keyId === keyId).map((event) => event.receivedAtMs));
    for (const key of [cut, revoked]) expect(lastMs(key)).toBeLessThanOrEqual(endMs(({ revokedAt }) => revokedAt, key));
    expect(lastMs(expiring)).toBeLessThan(endMs(({ expiresAt }) => expiresAt, expiring));
    expect(await withSnapshot(store.pool, TENANT, (snapshot) => auditTenant(TENANT, snapshot))).toEqual([]);
  },
);

async function sendMore(senders: readonly Sender[]): Promise<void> {
  const from = senders.map(({ acknowledged }) => acknowledged.length);
  const failed = Promise.all(senders.map(({ ended }) => ended)).then(() => Promise.reject(new Error('somebody stopped sending')));
  const enough = waitUntil(() => senders.every(({ acknowledged }, n) => acknowledged.length >= (from[n] as number) + EVENTS), {
    timeoutMs: PATIENCE_MS,
  });
  await Promise.race([enough, failed]);
}

const eventsOf = (events: readonly RecordedEvent[], { name }: Sender) =>
  events.filter(({ source }) => source.startsWith(`${prefixOf(name)}/`));

function expectAll(events: readonly RecordedEvent[], sender: Sender): void {
  expect(bySource(eventsOf(events, sender)), sender.name).toEqual(bySource(sender.acknowledged));
}

/** Of each source over Kafka the first so many are events, and all that came after them dead letters, whole. */
async function expectBeginning({ store }: Stage, events: readonly RecordedEvent[], { kafka, keyId }: KeyInUse): Promise<void> {
  const sender = kafka as Sender;
  const refused = await refusedUnder(store, TENANT, keyId);
  expect(refused.length, sender.name).toBeGreaterThan(0);
  expect(bySource([...eventsOf(events, sender), ...refused]), sender.name).toEqual(bySource(sender.acknowledged));
}

/** First under the old key, then under the new one, numbered without a gap. */
function expectSucceeded(events: readonly RecordedEvent[], sender: Sender): void {
  const own = eventsOf(events, sender);
  expect(new Set(own.map(({ keyId }) => keyId)).size, sender.name).toBe(2);
  for (const [source, all] of Map.groupBy(own, (event) => event.source)) {
    expect(
      all.map(({ sequence }) => sequence),
      source,
    ).toEqual(all.map((_, n) => n + 1));
    expect(all.filter(({ keyId }, n) => n > 0 && keyId !== all[n - 1]?.keyId).length, source).toBeLessThanOrEqual(1);
  }
}
