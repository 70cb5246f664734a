import { createHash } from 'node:crypto';
import { decodeFrame, encodeFrame } from '@recant/ledger';
import { formatCheckpoint } from '@recant/transparency';
import { expect, it } from 'vitest';
import {
  type BundleRecord,
  CLOCK_SKEW_MS,
  createEventCheck,
  encodeManifest,
  encodeRecord,
  MAGIC,
  manifestOf,
  parseManifest,
  RULES,
  type Rule,
  type SavedCheckpoint,
  signBundle,
  splitRecords,
  type Verdict,
  type VerifyOptions,
  verifyBundle,
} from '../src/index.ts';
import { effect, LEDGER, MADE, MadeLog, makeBundle, makeLog, type Producer, sourcesOf, TENANT, testSigner } from './make-ledger.ts';

const SHARD = 1;
const SHARDS = 4;
const SIZE = 60;

const verify = (bytes: Uint8Array, options: Partial<VerifyOptions> = {}): Promise<Verdict> =>
  verifyBundle([bytes], { events: createEventCheck(), ...options });

/** A log with exactly one fault, signed with the ledger's key. */
async function ofLog(breakIt: (log: MadeLog) => void, size = SIZE): Promise<Uint8Array> {
  const log = makeLog(SHARD, SHARDS, size);
  log.checkpoints.length = 0;
  breakIt(log);
  log.sign();
  return makeBundle([log.source()]);
}

/** A bundle changed without the key: its statement no longer matches, but earlier records are verified first. */
async function ofRecords(change: (records: BundleRecord[]) => BundleRecord[]): Promise<Uint8Array> {
  const records = [...splitRecords(await makeBundle([makeLog(SHARD, SHARDS, SIZE, 25).source()]))];
  const changed = change(records);
  return Buffer.concat([MAGIC, ...changed.map(({ type, payload }) => encodeRecord(type, payload))]);
}

/** The same, signed again with the ledger's key. */
async function resigned(change: (records: BundleRecord[]) => BundleRecord[]): Promise<Uint8Array> {
  const changed = splitRecords(await ofRecords(change)).filter(({ type }) => type !== 'S');
  return signBundle(changed, testSigner());
}

const nth = (records: readonly BundleRecord[], type: string, n: number): number =>
  records.map((record, at) => ({ record, at })).filter(({ record }) => record.type === type)[n]?.at ?? -1;

function flip(payload: Buffer, at: number): Buffer {
  const copy = Buffer.from(payload);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

/** Changes one frame of a log and recomputes the tree. */
function reframe(log: MadeLog, at: number, change: (frame: Buffer) => Buffer): void {
  const frames = log.frames.splice(0);
  const { frontier } = new MadeLog(SHARD, SHARDS);
  Object.assign(log, { frontier: Object.getPrototypeOf(frontier).constructor.empty() });
  for (const [n, frame] of frames.entries()) log.pushFrame(n === at ? change(frame) : frame);
}

const saved = (log: MadeLog, name = 'saved/1.checkpoint'): SavedCheckpoint => ({ name, note: log.sign() });

const BROKEN: readonly (readonly [Rule, string, () => Promise<Uint8Array>])[] = [
  ['version', 'another file', async () => Buffer.from('PK\u0003\u0004 not a bundle')],
  ['version', 'a later version', async () => Buffer.from('recant-bundle/v2\n')],
  ['truncated', 'an empty file', async () => Buffer.alloc(0)],
  ['truncated', 'a cut file', async () => (await makeBundle([makeLog(SHARD, SHARDS, SIZE).source()])).subarray(0, -700)],
  ['truncated', 'no statement', () => ofRecords((records) => records.slice(0, -1))],
  ['format', 'an unknown record', async () => Buffer.concat([MAGIC, Buffer.from('X\u0000\u0000\u0000\u0000')])],
  ['format', 'a huge length', async () => Buffer.concat([MAGIC, Buffer.from([0x4d, 0xff, 0xff, 0xff, 0xff])])],
  ['format', 'deep JSON', async () => Buffer.concat([MAGIC, encodeRecord('M', Buffer.from('['.repeat(500_000)))])],
  ['format', 'two manifests', () => ofRecords(([first, ...rest]) => [first as BundleRecord, first as BundleRecord, ...rest])],
  ['format', 'records out of order', () => ofRecords((records) => records.toSpliced(0, 1))],
  ['format', 'a space in the manifest', () => ofRecords((r) => r.with(0, { type: 'M', payload: Buffer.from(`${r[0]?.payload} `) }))],
  ['format', 'one checkpoint twice', () => resigned((r) => r.toSpliced(nth(r, 'C', 0), 0, r[nth(r, 'C', 0)] as BundleRecord))],
  ['key_unknown', 'a checkpoint of another key', () => ofLog((log) => Object.assign(log, { signer: testSigner(2) }))],
  ['signature_invalid', 'a made-up signature', () => ofRecords((r) => tweak(r, 'C', 0, (note) => forge(note)))],
  ['origin_mismatch', 'a checkpoint of another log', () => resigned((r) => tweak(r, 'C', 0, () => foreignNote()))],
  ['index_gap', 'an entry taken out', () => resigned((r) => r.toSpliced(nth(r, 'E', 7), 1))],
  ['index_gap', 'an entry twice', () => resigned((r) => r.toSpliced(nth(r, 'E', 7), 0, r[nth(r, 'E', 7)] as BundleRecord))],
  ['index_gap', 'an index far beyond the log', () => resigned((r) => tweak(r, 'E', 7, (entry) => flip(entry, 0)))],
  ['size_mismatch', 'a truncated tail', () => resigned((r) => r.toSpliced(nth(r, 'E', SIZE - 1), 2))],
  ['size_mismatch', 'a tail added', () => resigned((r) => resize(r, -1n))],
  ['size_mismatch', 'no last checkpoint', () => resigned((r) => r.toSpliced(r.length - 2, 1))],
  ['frame_invalid', 'bytes that are not a frame', () => ofLog((log) => reframe(log, 9, () => Buffer.from('nothing')))],
  ['frame_tenant_mismatch', 'an entry of another tenant', () => ofLog((log) => log.push('event', Buffer.from('{}'), 'key1', 'other'))],
  ['received_at_falls', 'an older entry', () => ofLog((log) => older(log))],
  ['genesis_missing', 'another first entry', () => ofLog((log) => reframe(log, 0, () => log.frames[1] ?? eventFrame()))],
  ['genesis_misplaced', 'a genesis in the middle', () => ofLog((log) => log.push('genesis', Buffer.from('{}')))],
  ['epoch_invalid', 'an epoch twice', () => ofLog((log) => twice(log))],
  ['epoch_invalid', 'an empty epoch entry', () => ofLog((log) => log.push('epoch', Buffer.from('{}')))],
  [
    'shards_differ',
    'logs of different numbers of shards',
    () => makeBundle([makeLog(0, 4, 5), makeLog(1, 8, 5)].map((log) => log.source())),
  ],
  ['made_too_early', 'a bundle older than its entries', () => makeBundle([makeLog(SHARD, SHARDS, SIZE).source()], { made: MADE })],
  ['format', 'one log for a query of all', () => makeBundle([makeLog(SHARD, SHARDS, SIZE).source(5n)])],
  [
    'format',
    'two logs for a query of one',
    () =>
      makeBundle(
        [makeLog(0, 4, 5), makeLog(1, 4, 5)].map((log) => log.source()),
        { query: { shard: 0 } },
      ),
  ],
  ['format', 'another log than asked for', () => makeBundle([makeLog(SHARD, SHARDS, 5).source()], { query: { shard: SHARD + 1 } })],
  [
    'format',
    'another beginning than asked for',
    () => makeBundle([makeLog(SHARD, SHARDS, 9).source(5n)], { query: { shard: SHARD, from: '4' } }),
  ],
  ['format', 'a query with more members', () => makeBundle([makeLog(SHARD, SHARDS, 5).source()], { query: { agent: 'a' } as object })],
  ['event_invalid', 'a body that is not an event', () => ofLog((log) => log.push('event', Buffer.from('{"a":1}')))],
  ['shard_mismatch', 'an event of another log', () => ofLog((log) => log.event((sourcesOf(2, SHARDS, 1)[0] as Producer).heartbeat()))],
  ['dead_letter_mismatch', 'a message removed', () => resigned((r) => r.toSpliced(nth(r, 'D', 0), 1))],
  ['dead_letter_mismatch', 'a message changed', () => resigned((r) => tweak(r, 'D', 0, (letter) => flip(letter, 12)))],
  [
    'dead_letter_mismatch',
    'a message without an entry',
    () => resigned((r) => r.toSpliced(nth(r, 'E', 2), 0, r[nth(r, 'D', 0)] as BundleRecord)),
  ],
  ['checkpoint_inconsistent', 'an entry changed under an old checkpoint', () => resigned((r) => tweak(r, 'E', 7, retime))],
  ['root_mismatch', 'an entry changed under the last one', () => resigned((r) => tweak(r, 'E', SIZE - 2, retime))],
  ['statement_invalid', 'bytes changed after signing', () => ofRecords((r) => rename(r))],
  ['trailing', 'a byte after the end', async () => Buffer.concat([await ofLog(() => {}), Buffer.from('x')])],
  ['key_duplicate', 'an event twice', () => ofLog((log) => log.pushFrame(retimed(log.frames[7] as Buffer, log.nowMs)))],
];

/** Signed with the ledger's key, at the same size. */
function foreignNote(): Buffer {
  const log = makeLog(SHARD, SHARDS, 25);
  return log.signer.note(formatCheckpoint({ origin: `${LEDGER}/${TENANT}/3/e1`, size: 25n, root: log.frontier.root() }));
}

function older(log: MadeLog): void {
  log.nowMs -= 1_000;
  log.event(own().heartbeat());
}

function twice(log: MadeLog): void {
  log.openEpoch();
  log.openEpoch(2);
}

const own = (): Producer => sourcesOf(SHARD, SHARDS, 5)[4] as Producer;
const eventFrame = (): Buffer => encodeFrame({ kind: 'event', tenant: TENANT, keyId: '', receivedAtMs: 1, body: Buffer.from('{}') });

function tweak(records: BundleRecord[], type: 'C' | 'E' | 'D', n: number, change: (payload: Buffer) => Buffer): BundleRecord[] {
  const at = nth(records, type, n);
  return records.with(at, { type, payload: change((records[at] as BundleRecord).payload) });
}

/** Changes the key id in a frame, which only the tree detects. */
function retime(entry: Buffer): Buffer {
  const frame = decodeFrame(entry.subarray(8));
  if (frame === undefined) throw new Error('no frame');
  return Buffer.concat([entry.subarray(0, 8), encodeFrame({ ...frame, keyId: 'key2' })]);
}

function retimed(frame: Buffer, receivedAtMs: number): Buffer {
  const decoded = decodeFrame(frame);
  if (decoded?.kind !== 'event') throw new Error('no event');
  return encodeFrame({ ...decoded, receivedAtMs });
}

/** The last character of base64 that is not padding. */
function forge(note: Buffer): Buffer {
  const text = note.toString();
  return Buffer.from(text.replace(/(.)(.{20})\n$/, (_, one: string, rest: string) => `${one === 'A' ? 'B' : 'A'}${rest}\n`));
}

function resize(records: BundleRecord[], by: bigint): BundleRecord[] {
  const manifest = parseManifest((records[0] as BundleRecord).payload);
  const logs = manifest.logs.map((log) => ({ ...log, size: log.size + by }));
  return records.with(0, { type: 'M', payload: encodeManifest({ ...manifest, logs }) });
}

function rename(records: BundleRecord[]): BundleRecord[] {
  const manifest = parseManifest((records[0] as BundleRecord).payload);
  return records.with(0, { type: 'M', payload: encodeManifest({ ...manifest, made: '2027-11-02T12:00:00.000Z' }) });
}

it.each(BROKEN)('%s: %s', async (rule, _, make) => {
  const verdict = await verify(await make());
  expect(verdict).toMatchObject({ sound: false, rule, meaning: RULES[rule] });
});

it('signature_invalid: a signature over another statement', async () => {
  const bytes = await ofRecords((records) => {
    const last = records.at(-1) as BundleRecord;
    const envelope = JSON.parse(last.payload.toString()) as { signatures: { sig: string }[] };
    const [only] = envelope.signatures;
    if (only !== undefined) only.sig = Buffer.alloc(64, 7).toString('base64');
    return records.with(-1, { type: 'S', payload: Buffer.from(JSON.stringify(envelope)) });
  });
  expect(await verify(bytes)).toMatchObject({ sound: false, rule: 'signature_invalid' });
});

it('key_unknown: a ledger rebuilt under another key, verified with the right key', async () => {
  const forger = testSigner(9);
  const log = new MadeLog(SHARD, SHARDS, forger);
  log.sign();
  const forged = await makeBundle([log.source()], { vkeys: [forger.vkey] }, forger);
  expect(await verify(forged)).toMatchObject({ sound: true, keysGiven: false });
  expect(await verify(forged, { keys: [testSigner().vkey] })).toMatchObject({ sound: false, rule: 'key_unknown' });
});

it('anchor_ahead and anchor_differs: a log that was truncated, rebuilt or removed', async () => {
  const log = makeLog(SHARD, SHARDS, SIZE);
  const anchors = [saved(log)];
  const same = await makeBundle([makeLog(SHARD, SHARDS, SIZE + 9).source()]);
  expect(await verify(same, { anchors })).toMatchObject({ sound: true, counts: { anchors: 1 } });
  const cut = await makeBundle([makeLog(SHARD, SHARDS, SIZE - 9).source()]);
  expect(await verify(cut, { anchors })).toMatchObject({ sound: false, rule: 'anchor_ahead', shard: SHARD, index: BigInt(SIZE - 9) });
  const edited = await ofLog((made) => reframe(made, 7, (frame) => retime(Buffer.concat([Buffer.alloc(8), frame])).subarray(8)), SIZE + 9);
  expect(await verify(edited, { anchors })).toMatchObject({ sound: false, rule: 'anchor_differs', shard: SHARD, index: BigInt(SIZE - 1) });
  expect(await verify(await makeBundle([]), { anchors })).toMatchObject({ sound: false, rule: 'anchor_ahead', shard: SHARD });
  const other = await makeBundle([makeLog(2, SHARDS, 5).source()], { query: { shard: 2 } });
  expect(await verify(other, { anchors })).toMatchObject({ sound: true, anchorsUnused: [anchors[0]?.name] });
});

it('only an anchor saved after the bundle was made may cover more entries; it is reported as newer', async () => {
  const log = makeLog(SHARD, SHARDS, SIZE);
  const { name } = saved(log);
  const cut = await makeBundle([makeLog(SHARD, SHARDS, SIZE - 9).source()]);
  const madeMs = Date.parse(manifestOf(cut).made);
  const savedAt = (savedAtMs: number, of = log): readonly SavedCheckpoint[] => [{ ...saved(of), savedAtMs }];
  const before = savedAt(madeMs - CLOCK_SKEW_MS);
  const after = savedAt(madeMs - CLOCK_SKEW_MS + 1);
  const newer = { sound: true, counts: { anchors: 0 }, anchorsNewer: [name], anchorsUnused: [] };
  expect(await verify(cut, { anchors: before })).toMatchObject({ sound: false, rule: 'anchor_ahead' });
  expect(await verify(cut, { anchors: after })).toMatchObject(newer);
  expect(await verify(await makeBundle([]), { anchors: before })).toMatchObject({ sound: false, rule: 'anchor_ahead' });
  expect(await verify(await makeBundle([]), { anchors: after })).toMatchObject(newer);
  // An anchor of no more entries is compared, whenever it was saved.
  const whole = await makeBundle([makeLog(SHARD, SHARDS, SIZE + 9).source()]);
  expect(await verify(whole, { anchors: after })).toMatchObject({ sound: true, counts: { anchors: 1 }, anchorsNewer: [] });
  const edited = await ofLog((made) => reframe(made, 7, (frame) => retime(Buffer.concat([Buffer.alloc(8), frame])).subarray(8)), SIZE + 9);
  expect(await verify(edited, { anchors: after })).toMatchObject({ sound: false, rule: 'anchor_differs' });
  // Entries of a later epoch replaced the anchored ones.
  const restored = makeLog(SHARD, SHARDS, SIZE - 9);
  restored.openEpoch();
  restored.event(own().heartbeat());
  expect(await verify(whole, { anchors: savedAt(madeMs, restored) })).toMatchObject(newer);
  expect(await verify(whole, { anchors: [saved(restored)] })).toMatchObject({ sound: false, rule: 'anchor_differs' });
});

it('an opened epoch is a warning, and anchors of lost entries do not break a rule', async () => {
  const before = makeLog(SHARD, SHARDS, SIZE);
  const anchors = [saved(before)];
  const log = makeLog(SHARD, SHARDS, SIZE - 9);
  log.openEpoch();
  log.event(own().heartbeat());
  log.sign();
  const verdict = await verify(await makeBundle([log.source()]), { anchors });
  expect(verdict).toMatchObject({ sound: true, warningCounts: { epoch_opened: 1 } });
});

it('a chunk that is missing of an observed transaction is a warning, wherever it is missing', async () => {
  const log = makeLog(SHARD, SHARDS, 3);
  const drain = own();
  for (const [n, lost] of [undefined, 0, 1, 2].entries())
    for (const [chunk, event] of drain.observed(`1/${n}`, [[effect('1')], [], [effect('2')]]).entries())
      if (chunk !== lost) log.event(event);
  log.sign();
  const verdict = await verify(await makeBundle([log.source()]));
  expect(verdict).toMatchObject({ sound: true, warningCounts: { chunk_missing: 3, source_gap: 2 } });
});

it('faults of senders are listed and counted as warnings, and the ledger is sound', async () => {
  const log = makeLog(SHARD, SHARDS, 3);
  const sender = own();
  log.event(sender.heartbeat());
  sender.sequence += 3;
  const [, first, second, settled] = sender.attempt();
  for (const event of [first, settled]) if (event !== undefined) log.event(event);
  expect(second).toBeDefined();
  log.sign();
  const verdict = await verify(await makeBundle([log.source()]));
  // The intent and the second chunk of the attempt also have sequence numbers.
  expect(verdict).toMatchObject({ sound: true, warningCounts: { source_gap: 2, settlement_without_intent: 1, chunk_missing: 1 } });
});

it('a dead letter over a megabyte continues in a second record', async () => {
  const log = new MadeLog(SHARD, SHARDS);
  log.letter(Buffer.alloc(2_500_000, 'x'));
  log.letter(Buffer.alloc(0));
  log.sign();
  const bytes = await makeBundle([log.source()]);
  expect(await verify(bytes)).toMatchObject({ sound: true, counts: { deadLetters: 2 } });
  expect(splitRecords(bytes).filter(({ type }) => type === 'D')).toHaveLength(4);
});

it('a checkpoint of an earlier size is verified at its place', async () => {
  const log = makeLog(SHARD, SHARDS, SIZE);
  const wrong = log.signer.note(formatCheckpoint({ origin: log.origin, size: 30n, root: createHash('sha256').update('x').digest() }));
  log.checkpoints.unshift({ size: 30n, note: wrong });
  const verdict = await verify(await makeBundle([log.source()]));
  expect(verdict).toMatchObject({ sound: false, rule: 'checkpoint_inconsistent', index: 29n });
});
