import { encodeRecord, MAGIC, type Rule } from '@recant/verifier';
import { testSigner } from '../../../libs/verifier/test/make-ledger.ts';
import { type DraftRecord, recordsOf, sign, statementAt, withRecords } from '../bundle-file.ts';
import type { Chance } from '../chance.ts';
import { copyDraft, type Draft } from '../draft.ts';
import type { FileKind, Stage } from '../kind.ts';

/** Changes to the file, its manifest, its keys and its statement. */
export const FILE_KINDS: readonly FileKind[] = [
  file('the file is empty', 'truncated', () => Buffer.alloc(0)),
  file('the file is cut off in the middle', 'truncated', ({ bytes }, chance) =>
    bytes.subarray(0, MAGIC.length + chance.below(bytes.length - MAGIC.length)),
  ),
  file('the file lacks its last byte', 'truncated', ({ bytes }) => bytes.subarray(0, -1)),
  file('the statement is missing', 'truncated', ({ bytes }) => bytes.subarray(0, statementAt(bytes))),
  file('a byte follows the end', 'trailing', ({ bytes }) => Buffer.concat([bytes, Buffer.from([0])])),
  file('another bundle follows the end', 'trailing', ({ bytes, other }) => Buffer.concat([bytes, other])),
  file('a second statement follows the first', 'trailing', ({ bytes }) => Buffer.concat([bytes, bytes.subarray(statementAt(bytes))])),
  file('the file has a later version', 'version', ({ bytes }) =>
    Buffer.concat([Buffer.from('recant-bundle/v2\n'), bytes.subarray(MAGIC.length)]),
  ),
  file('the file is something else', 'version', () => Buffer.from('PK\u0003\u0004 this is an archive')),
  file('a record states a length of four gigabytes', 'format', ({ bytes }) => at(bytes, MAGIC.length + 1, [0xff, 0xff, 0xff, 0xff])),
  file('a record states a length over the limit', 'format', ({ bytes }) => at(bytes, MAGIC.length + 1, [0, 0x10, 0, 1])),
  file('a record is of an unknown type', 'format', ({ bytes }) => at(bytes, MAGIC.length, [0x58])),
  file('the manifest is missing', 'format', ({ draft, bytes }) => withRecords(bytes, recordsOf(draft).slice(1))),
  file('the manifest is repeated', 'format', ({ draft, bytes }) =>
    withRecords(bytes, [recordsOf(draft)[0] as DraftRecord, ...recordsOf(draft)]),
  ),
  manifest('the manifest is nested a thousand deep', 'format', (text) =>
    text.replace('"query":{}', `"query":{"a":${'['.repeat(1_000)}${']'.repeat(1_000)}}`),
  ),
  manifest('the manifest has a key twice', 'format', (text) => text.replace('{"ledger"', '{"ledger":"recant.local/other","ledger"')),
  manifest('the manifest has white space', 'format', (text) => `${text} `),
  manifest('the manifest has a size below zero', 'format', (text) => text.replace('"size":"', '"size":"-')),
  manifest('the manifest has a size over 63 bits', 'format', (text) => text.replace(/"size":"[0-9]+"/, '"size":"9223372036854775808"')),
  manifest('the manifest names another tenant', 'format', (text) => text.replace('"tenant":"acme"', '"tenant":"other"')),
  manifest('the manifest was made at another time', 'statement_invalid', (text) => text.replace(/"made":"2027/, '"made":"2028')),
  manifest('the manifest states another query', 'format', (text) => text.replace('"query":{}', '"query":{"shard":0}')),
  insider('the manifest and its origins name another tenant', 'frame_tenant_mismatch', (draft) => {
    draft.manifest = { ...draft.manifest, tenant: 'other' };
    for (const log of draft.logs) log.origin = log.origin.replace('/acme/', '/other/');
  }),
  insider('the manifest counts one entry more', 'size_mismatch', (draft) => changeFirst(draft, (log) => (log.size += 1n))),
  insider('the manifest counts one entry fewer', 'size_mismatch', (draft) => changeFirst(draft, (log) => (log.size -= 1n))),
  insider('a log of the manifest states another number of shards', 'shards_differ', (draft) =>
    changeFirst(draft, (log) => (log.shards *= 2)),
  ),
  insider('the manifest states another number of shards', 'genesis_missing', (draft) => {
    for (const log of draft.logs) log.shards *= 2;
  }),
  insider('the bundle is made before its newest entry', 'made_too_early', (draft) => {
    draft.manifest = { ...draft.manifest, made: '2020-01-01T00:00:00.000Z' };
  }),
  insider('the query names one of two logs', 'format', (draft) => {
    draft.manifest = { ...draft.manifest, query: { shard: 0 } };
  }),
  insider('the manifest states another shard', 'genesis_missing', (draft) => {
    changeFirst(draft, (log) => {
      log.shard = 1;
      log.origin = log.origin.replace('/0/', '/1/');
    });
  }),
  insider('the manifest states a later epoch', 'epoch_invalid', (draft) => {
    changeFirst(draft, (log) => {
      log.epoch = 2;
      log.origin = log.origin.replace('/e1', '/e2');
    });
  }),
  insider('the logs are out of order', 'format', (draft) => draft.logs.reverse()),
  insider('a log is repeated', 'format', (draft) => draft.logs.unshift(...draft.logs.slice(0, 1))),
  file('a log of the manifest is missing', 'size_mismatch', ({ draft, bytes }) => {
    const records = recordsOf(draft);
    return withRecords(
      bytes,
      records.slice(
        0,
        records.findLastIndex(({ type }) => type === 'L'),
      ),
    );
  }),
  insider('a whole log is left out', 'anchor_ahead', (draft) => draft.logs.shift()),
  insider('entries begin later than the manifest states', 'format', (draft) => changeFirst(draft, (log) => (log.from = log.size))),
  file('a foreign key is added to the ledger’s', 'statement_invalid', ({ draft, bytes, foreignKey }) => {
    return withRecords(bytes, recordsOf({ ...draft, keys: [...draft.keys, foreignKey.vkey] }));
  }),
  insider('a key is listed twice', 'format', (draft) => draft.keys.push(draft.keys[0] as string)),
  insider('seventeen keys are listed', 'format', (draft) => {
    for (let n = 100; draft.keys.length < 17; n += 1) draft.keys.push(testSigner(n).vkey);
  }),
  insider('a key is of another name', 'format', (draft) => draft.keys.unshift(testSigner(9, 'recant.local/other').vkey)),
  insider('a key has the id of another', 'format', (draft) => {
    draft.keys[0] = (draft.keys[0] as string).replace(/\+[0-9a-f]{8}\+/, '+00000000+');
  }),
  insider('no key is listed', 'format', (draft) => {
    draft.keys = [];
  }),
  file('the statement is of another bundle', 'statement_invalid', ({ bytes, other }) => {
    return Buffer.concat([bytes.subarray(0, statementAt(bytes)), other.subarray(statementAt(other))]);
  }),
  statement('the statement is edited', 'signature_invalid', (envelope) => {
    const payload = Buffer.from(envelope.payload as string, 'base64')
      .toString()
      .replace('"entries":', '"entries":1');
    return { ...envelope, payload: Buffer.from(payload).toString('base64') };
  }),
  statement('the statement’s signature is another', 'signature_invalid', (envelope) => {
    return { ...envelope, signatures: [{ ...(envelope.signatures as object[])[0], sig: Buffer.alloc(64, 7).toString('base64') }] };
  }),
  statement('the statement names another key', 'key_unknown', (envelope) => {
    return { ...envelope, signatures: [{ ...(envelope.signatures as object[])[0], keyid: 'recant.local/test+00000000' }] };
  }),
  statement('the statement has no signature', 'format', (envelope) => ({ ...envelope, signatures: [] })),
  statement('the statement has two signatures', 'format', (envelope) => {
    return { ...envelope, signatures: [...(envelope.signatures as object[]), ...(envelope.signatures as object[])] };
  }),
  statement('the statement is of another type', 'format', (envelope) => ({ ...envelope, payloadType: 'application/json' })),
  statement('the statement’s base64 has no padding', 'format', (envelope) => {
    return { ...envelope, signatures: [{ ...(envelope.signatures as object[])[0], sig: `${Buffer.alloc(64, 7).toString('base64url')}` }] };
  }),
  file('the statement is signed by a foreign key', 'key_unknown', ({ draft, foreignKey }) => sign(draft, foreignKey)),
  file('the statement counts more entries than the file has', 'statement_invalid', async ({ draft, bytes, ledgerKey }) => {
    const more = copyDraft(draft);
    more.logs[1]?.items.push(...(more.logs[1]?.items.slice(-2, -1) ?? []));
    const signed = await sign(more, ledgerKey);
    return Buffer.concat([bytes.subarray(0, statementAt(bytes)), signed.subarray(statementAt(signed))]);
  }),
];

type Changed = Draft['logs'][number];

function file(name: string, rule: Rule, make: FileKind['make']): FileKind {
  return { name, sizeMin: 1, make, rule: [rule] };
}

/** Signed with the ledger's key; only the changed records are wrong. */
function insider(name: string, rule: Rule, change: (draft: Draft) => unknown): FileKind {
  return file(name, rule, ({ draft, ledgerKey }) => {
    const changed = copyDraft(draft);
    change(changed);
    return sign(changed, ledgerKey);
  });
}

function changeFirst(draft: Draft, change: (log: Changed) => unknown): void {
  change(draft.logs[0] as Changed);
}

function manifest(name: string, rule: Rule, change: (text: string) => string): FileKind {
  return file(name, rule, ({ draft, bytes }) => {
    const [first, ...rest] = recordsOf(draft) as [DraftRecord, ...DraftRecord[]];
    return withRecords(bytes, [{ ...first, payload: Buffer.from(change(first.payload.toString())) }, ...rest]);
  });
}

function statement(name: string, rule: Rule, change: (envelope: Record<string, unknown>) => Record<string, unknown>): FileKind {
  return file(name, rule, ({ bytes }: Stage, _chance: Chance) => {
    const start = statementAt(bytes);
    const envelope = JSON.parse(bytes.subarray(start + 5).toString()) as Record<string, unknown>;
    return Buffer.concat([bytes.subarray(0, start), encodeRecord('S', Buffer.from(JSON.stringify(change(envelope))))]);
  });
}

function at(bytes: Buffer, place: number, written: readonly number[]): Buffer {
  const changed = Buffer.from(bytes);
  changed.set(written, place);
  return changed;
}
