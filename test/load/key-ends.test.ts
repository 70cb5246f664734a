import type { KeyBody } from '@recant/api';
import { withSnapshot } from '@recant/store';
import { waitUntil } from '@recant/test-support';
import { auditTenant } from '@recant/verifier';
import { expect, test } from 'vitest';
import { bySource, countUnder, type RecordedEvent, recordedEvents, refusedUnder } from './recorded.ts';
import { prefixOf, type Sender } from './senders.ts';
import { type KeyInUse, type Stage, setStage, TENANT } from './stage.ts';

/**
 * Keys end while two ledger processes on one database accept batches over HTTP and messages from Kafka. A sample always runs;
 * RECANT_LOAD=all sends ten times as much, in five rounds.
 */
const FULL = process.env.RECANT_LOAD === 'all';
/** Events of each sender, before the keys end and again afterwards. */
const EVENTS = FULL ? 6_000 : 600;
const PATIENCE_MS = FULL ? 600_000 : 90_000;

test.each(Array.from({ length: FULL ? 5 : 1 }, (_, n) => n + 1))(
  'round %i: events acknowledged before a key ended are recorded once and in order, none follows, and the successor has no gap',
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

    // Overlap longer than the ledger's lag: no event is refused.
    const successor = await operator.rotateKey(rotated.keyId, { overlap: '1h' });
    rotated.http.useKey(successor.apiKey);
    rotated.kafka?.useKey(successor.apiKey);
    // No overlap: batches in flight are refused, and sent again under the successor.
    cut.next.resolve((await operator.rotateKey(cut.keyId, { overlap: '0' })).apiKey);
    const cutAt = await countUnder(store, TENANT, cut.keyId);
    // Overlap too short: the old key expires in use, which a Kafka sender does not learn.
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
    // One machine, one clock: an event recorded after the end has a later receivedAt.
    const keys = await operator.keys();
    const endMs = (end: (key: KeyBody) => string | undefined, { keyId }: KeyInUse) =>
      Date.parse(keys.filter((key) => key.keyId === keyId).map(end)[0] ?? '');
    const lastMs = ({ keyId }: KeyInUse) => Math.max(...events.filter((event) => event.keyId === keyId).map((event) => event.receivedAtMs));
    for (const key of [cut, revoked]) expect(lastMs(key)).toBeLessThanOrEqual(endMs(({ revokedAt }) => revokedAt, key));
    expect(lastMs(expiring)).toBeLessThan(endMs(({ expiresAt }) => expiresAt, expiring));
    await store.projection.reach(TENANT);
    expect(await withSnapshot(store.pool, TENANT, (snapshot) => auditTenant(TENANT, snapshot))).toEqual([]);
  },
);

async function sendMore(senders: readonly Sender[]): Promise<void> {
  const from = senders.map(({ acknowledged }) => acknowledged.length);
  const failed = Promise.all(senders.map(({ ended }) => ended)).then(() => Promise.reject(new Error('a sender stopped')));
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

/** Of each source over Kafka, a first part are events and all later ones dead letters with their bytes. */
async function expectBeginning({ store }: Stage, events: readonly RecordedEvent[], { kafka, keyId }: KeyInUse): Promise<void> {
  const sender = kafka as Sender;
  const refused = await refusedUnder(store, TENANT, keyId);
  expect(refused.length, sender.name).toBeGreaterThan(0);
  expect(bySource([...eventsOf(events, sender), ...refused]), sender.name).toEqual(bySource(sender.acknowledged));
}

/** Events under the old key, then under the new one, without a gap in their numbers. */
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
