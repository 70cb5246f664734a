import { encodeFrame, epochBody, genesisBody } from '@recant/ledger';
import { Frontier, leafHash } from '@recant/transparency';
import { TENANT } from '../../../libs/verifier/test/make-ledger.ts';
import type { Chance } from '../chance.ts';
import type { DraftLog, Entry } from '../draft.ts';
import { editEvent, find, frameOf, isType, replaceBody, replaceFrame } from '../edit.ts';
import { ANCHOR, type EntryKind, TREE } from '../kind.ts';
import { entries } from './entries.ts';

/** Entries that no ledger writes; both verifiers detect them under any signature. */
export const FRAME_KINDS: readonly EntryKind[] = [
  always('a frame of an unknown version', 1, 'frame_invalid', (log, chance) => editFrame(log, chance, (frame) => frame.writeUInt8(2, 0))),
  always('a frame of an unknown kind', 1, 'frame_invalid', (log, chance) => editFrame(log, chance, (frame) => frame.writeUInt8(9, 1))),
  always('a frame whose tenant is longer than the frame', 1, 'frame_invalid', (log, chance) => {
    const found = log.items.findIndex(({ type }) => type === 'E');
    const at = chance.isOneIn(2) ? found : log.items.findLastIndex(({ type }) => type === 'E');
    log.items[at] = { ...(log.items[at] as Entry), frame: Buffer.from([1, 1, 255, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65]) };
  }),
  always('a frame of another tenant', 1, 'frame_tenant_mismatch', (log) => {
    const entry = log.items[0] as Entry;
    replaceFrame(log, { at: 0, entry, frame: frameOf(entry) }, { tenant: 'other' });
  }),
  always('an event of another tenant', 2, 'frame_tenant_mismatch', (log, chance) =>
    replaceFrame(log, find(log, chance, 'event'), { tenant: 'other' }),
  ),
  always('receivedAt falls', 255, 'received_at_falls', (log, chance) => {
    const found = find(log, chance, 'event');
    replaceFrame(log, found, { receivedAtMs: found.frame.receivedAtMs - 3_600_000 });
  }),
  always('the genesis has another shard count', 1, 'genesis_missing', (log) => {
    const entry = log.items[0] as Entry;
    const body = genesisBody({ epoch: 1, shard: log.shard, shards: log.shards * 2, tenant: TENANT });
    replaceFrame(log, { at: 0, entry, frame: frameOf(entry) }, { body });
  }),
  always('the genesis is of another shard', 1, 'genesis_missing', (log) => {
    const entry = log.items[0] as Entry;
    const body = genesisBody({ epoch: 1, shard: log.shard + 1, shards: log.shards, tenant: TENANT });
    replaceFrame(log, { at: 0, entry, frame: frameOf(entry) }, { body });
  }),
  always('an event replaces the genesis', 2, 'genesis_missing', (log, chance) => {
    const { frame } = find(log, chance, 'event');
    const first = log.items[0] as Entry;
    replaceFrame(log, { at: 0, entry: first, frame: frameOf(first) }, { kind: 'event', body: frame.body });
  }),
  {
    name: 'the genesis is cut off',
    sizeMin: 2,
    edit: (log) => {
      log.items.splice(0, 1);
    },
    unsigned: ['index_gap', 'size_mismatch'],
    insider: ['genesis_missing'],
  },
  always('a genesis in the middle', 2, 'genesis_misplaced', (log, chance) => {
    const body = frameOf(log.items[0] as Entry).body;
    replaceFrame(log, find(log, chance, 'event'), { kind: 'genesis', keyId: '', body });
  }),
  always('an invented epoch with another tree', 2, 'epoch_invalid', (log, chance) => {
    openEpoch(log, chance, () => 'ab'.repeat(32));
  }),
  {
    name: 'an epoch is made up over the true tree',
    sizeMin: 255,
    edit: (log, chance) => openEpoch(log, chance, (before) => before.root().toString('hex')),
    // Signed again it opens an epoch that neither the manifest nor the checkpoints belong to.
    unsigned: ['origin_mismatch'],
    insider: ['origin_mismatch'],
  },
  always('an event marked as an epoch', 2, 'epoch_invalid', (log, chance) =>
    replaceFrame(log, find(log, chance, 'event'), { kind: 'epoch' }),
  ),
  always('an event marked as a dead letter', 2, 'dead_letter_mismatch', (log, chance) => {
    replaceFrame(log, find(log, chance, 'event'), { kind: 'dead_letter' });
  }),
  always('a dead letter marked as an event', 255, 'event_invalid', (log, chance) => {
    replaceFrame(log, find(log, chance, 'dead_letter'), { kind: 'event' });
  }),
  always('the message of a dead letter is changed', 255, 'dead_letter_mismatch', (log, chance) => {
    const { at, entry } = find(log, chance, 'dead_letter');
    log.items[at + 1] = { type: 'D', index: entry.index, bytes: Buffer.from('{ not JSON either') };
  }),
  always('the message of a dead letter is removed', 255, 'dead_letter_mismatch', (log, chance) => {
    log.items.splice(find(log, chance, 'dead_letter').at + 1, 1);
  }),
  always('the message of a dead letter is repeated', 255, 'dead_letter_mismatch', (log, chance) => {
    const { at } = find(log, chance, 'dead_letter');
    log.items.splice(at + 1, 0, log.items[at + 1] as Entry);
  }),
  always('a message next to an event', 2, 'dead_letter_mismatch', (log, chance) => {
    const { at, entry } = find(log, chance, 'event');
    log.items.splice(at + 1, 0, { type: 'D', index: entry.index, bytes: Buffer.from('x') });
  }),
  {
    name: 'a dead letter is changed together with its entry',
    sizeMin: 255,
    edit: (log, chance) => {
      const found = find(log, chance, 'dead_letter');
      const digest = '9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02190ecf1e430635ab';
      editEvent(log, found, (letter) => Object.assign(letter, { digest, size: 8 }));
      log.items[found.at + 1] = { type: 'D', index: found.entry.index, bytes: Buffer.from('abcdefgh') };
    },
    unsigned: TREE,
    insider: ANCHOR,
  },
  always('an event of another log is moved here', 2, 'shard_mismatch', (log, chance, draft) => {
    const { frame } = find(draft.logs[1] as DraftLog, chance, 'event');
    replaceFrame(log, find(log, chance, 'event'), { body: frame.body });
  }),
  always('an event has white space', 2, 'event_invalid', (log, chance) => text(log, chance, (body) => body.replace('":', '": '))),
  always('an event has a key twice', 2, 'event_invalid', (log, chance) =>
    text(log, chance, (body) => body.replace('{', '{"agent":"agent-1",')),
  ),
  always('an event has members in another order', 2, 'event_invalid', (log, chance) => {
    text(log, chance, (body) => body.replace(/^\{("agent":"[^"]*"),(.*)\}$/s, '{$2,$1}'));
  }),
  always('an event has a member that its version does not know', 2, 'event_invalid', (log, chance) => {
    editEvent(log, find(log, chance, 'event'), (event) => {
      event.data.command = 'DROP TABLE orders';
    });
  }),
  always('an event is of an unknown type', 2, 'event_invalid', (log, chance) => {
    editEvent(log, find(log, chance, 'event'), (event) => {
      event.type = 'recant.attempt.forgotten.v1';
    });
  }),
  always('an event is of a future version', 2, 'event_invalid', (log, chance) =>
    text(log, chance, (body) => body.replace('.v1"}', '.v2"}')),
  ),
  always('an event whose id does not match its data', 2, 'event_invalid', (log, chance) => {
    editEvent(log, find(log, chance, 'event'), (event) => {
      event.id = 'another';
    });
  }),
  always('an event has a number in another spelling', 255, 'event_invalid', (log, chance) => {
    const found = find(log, chance, 'event', isType('attempt.intended'));
    replaceBody(log, found, Buffer.from(found.frame.body).toString('utf8').replace('"deadlineMs":60000', '"deadlineMs":6e4'));
  }),
  always('an event is nested a thousand deep', 2, 'event_invalid', (log, chance) => {
    text(log, chance, (body) => body.replace('{"agent"', `{"a":${'['.repeat(1_000)}${']'.repeat(1_000)},"agent"`));
  }),
  always('an event with a lone surrogate', 2, 'event_invalid', (log, chance) => {
    text(log, chance, (body) => body.replace('agent-1', 'agent\\ud800'));
  }),
  always('an event with U+0000', 2, 'event_invalid', (log, chance) => text(log, chance, (body) => body.replace('agent-1', 'agent\\u0000'))),
  always('an event is not UTF-8', 2, 'event_invalid', (log, chance) => {
    const found = find(log, chance, 'event');
    const body = Buffer.from(found.frame.body);
    body[body.indexOf('agent-1') + 2] = 0xff;
    replaceFrame(log, found, { body });
  }),
  always('an event is empty', 2, 'event_invalid', (log, chance) =>
    replaceFrame(log, find(log, chance, 'event'), { body: Buffer.alloc(0) }),
  ),
];

/** Breaks the same rule under any signature. */
function always(name: string, sizeMin: number, rule: EntryKind['unsigned'][number], edit: EntryKind['edit']): EntryKind {
  return { name, sizeMin, edit, unsigned: [rule], insider: [rule] };
}

function text(log: DraftLog, chance: Chance, change: (body: string) => string): void {
  const found = find(log, chance, 'event');
  replaceBody(log, found, change(Buffer.from(found.frame.body).toString('utf8')));
}

function editFrame(log: DraftLog, chance: Chance, change: (frame: Buffer) => void): void {
  const entry = chance.of(entries(log));
  const frame = Buffer.from(entry.frame);
  change(frame);
  log.items[log.items.indexOf(entry)] = { ...entry, frame };
}

/** Replaces an event. @param root the root that the entry states for the tree before it */
function openEpoch(log: DraftLog, chance: Chance, root: (before: Frontier) => string): void {
  const { at, entry, frame } = find(log, chance, 'event');
  const before = Frontier.empty();
  for (const { index, frame: bytes } of entries(log)) if (index < entry.index) before.append([leafHash(bytes)]);
  const { shard, shards } = log;
  const statement = { tenant: TENANT, shard, shards, epoch: 2, start: Number(entry.index), root: root(before), reason: 'restored' };
  log.items[at] = { ...entry, frame: encodeFrame({ ...frame, kind: 'epoch', body: epochBody(statement) }) };
}
