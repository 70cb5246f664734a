import { formatCheckpoint, parseCheckpoint, parseNote } from '@recant/transparency';
import type { Rule } from '@recant/verifier';
import { makeBundle, makeLog, testSigner } from '../../../libs/verifier/test/make-ledger.ts';
import { recordsOf, sign, withRecords } from '../bundle-file.ts';
import type { Chance } from '../chance.ts';
import { copyDraft, type Draft, type DraftLog, type Item, type NoteSigner, rebuild } from '../draft.ts';
import { find, replaceFrame } from '../edit.ts';
import type { FileKind, SavedNote, Stage } from '../kind.ts';

/** Changes to checkpoints and to saved copies of them. */
export const CHECKPOINT_KINDS: readonly FileKind[] = [
  note('a checkpoint states another size', 'signature_invalid', (text) => text.replace(/\n([0-9]+)\n/, '\n1$1\n')),
  note('a checkpoint states another root', 'signature_invalid', (text) =>
    text.replace(/\n[A-Za-z0-9+/]{4}([A-Za-z0-9+/=]{40})\n/, '\nAAAA$1\n'),
  ),
  note('a checkpoint states another origin', 'signature_invalid', (text) => text.replace('/0/e1', '/1/e1')),
  note('a checkpoint’s signature is changed', 'signature_invalid', (text, { ledgerKey }) => {
    const other = ledgerKey.note('something else\n1\nAAAA\n').toString();
    return text.slice(0, text.indexOf('\u2014')) + other.slice(other.indexOf('\u2014'));
  }),
  note('a checkpoint has no signature', 'format', (text) => text.slice(0, text.indexOf('\u2014'))),
  note('a checkpoint is not a signed note', 'format', () => 'nothing of the kind'),
  note('a checkpoint’s size has a leading zero', 'format', (text) => text.replace(/\n([0-9]+)\n/, '\n0$1\n')),
  note('a checkpoint is signed by a foreign key', 'key_unknown', (text, { foreignKey }) => foreignKey.note(textOf(text)).toString()),
  note('a checkpoint is signed by another ledger', 'key_unknown', (text) =>
    testSigner(3, 'recant.local/other').note(textOf(text)).toString(),
  ),
  signed('a checkpoint is of another log', 'origin_mismatch', (log, key, draft) => {
    const note = draft.logs[1]?.items.findLast(({ type }) => type === 'C');
    log.items[newest(log)] = note as Item;
    return key;
  }),
  signed('a checkpoint is of another epoch', 'origin_mismatch', (log, key) =>
    resign(log, key, { origin: log.origin.replace('/e1', '/e2') }),
  ),
  signed('a checkpoint is of another tenant', 'origin_mismatch', (log, key) =>
    resign(log, key, { origin: log.origin.replace('/acme/', '/other/') }),
  ),
  signed('a checkpoint is of another ledger', 'origin_mismatch', (log, key) => resign(log, key, { origin: `x${log.origin}` })),
  signed('a checkpoint has an extra line', 'origin_mismatch', (log, key) => resign(log, key, { extensions: ['more'] })),
  signed('the newest checkpoint is of another tree', 'root_mismatch', (log, key) => resign(log, key, { root: Buffer.alloc(32, 9) })),
  signed('the newest checkpoint covers one entry more', 'size_mismatch', (log, key) => resign(log, key, { size: log.size + 1n })),
  signed('the newest checkpoint is missing', 'size_mismatch', (log) => log.items.splice(newest(log), 1)),
  signed('the newest checkpoint is repeated', 'format', (log) => log.items.push(log.items[newest(log)] as Item)),
  signed(
    'an old checkpoint replaces the newest',
    'size_mismatch',
    (log) => {
      log.items[newest(log)] = log.items.find(({ type }) => type === 'C') as Item;
    },
    2,
  ),
  signed(
    'an earlier checkpoint is of another tree',
    'checkpoint_inconsistent',
    (log, key) => {
      resign(
        log,
        key,
        { root: Buffer.alloc(32, 9) },
        log.items.findIndex(({ type }) => type === 'C'),
      );
    },
    2,
  ),
  signed(
    'an earlier checkpoint is one entry late',
    'size_mismatch',
    (log) => {
      const at = log.items.findIndex(({ type }) => type === 'C');
      const [moved] = log.items.splice(at, 1);
      log.items.splice(log.items.findIndex(({ type }, n) => n >= at && type === 'E') + 1, 0, moved as Item);
    },
    255,
  ),
  {
    name: 'an earlier checkpoint is dropped',
    sizeMin: 2,
    rule: ['statement_invalid'],
    make: ({ draft, bytes }) => {
      const changed = copyDraft(draft);
      const log = changed.logs[0] as DraftLog;
      log.items.splice(
        log.items.findIndex(({ type }) => type === 'C'),
        1,
      );
      return withRecords(bytes, recordsOf(changed));
    },
  },
  {
    name: 'an equivocation is hidden: the ledger signed another history before',
    sizeMin: 255,
    rule: ['anchor_differs'],
    make: ({ bytes }) => bytes,
    anchors: ({ draft, ledgerKey }) => [fork(draft, ledgerKey)],
  },
  {
    name: 'the log is shorter than a saved checkpoint',
    sizeMin: 1,
    rule: ['anchor_ahead'],
    make: ({ bytes }) => bytes,
    anchors: ({ draft, ledgerKey }) => {
      const { origin, size } = draft.logs[0] as DraftLog;
      return [
        { name: 'later.checkpoint', note: ledgerKey.note(formatCheckpoint({ origin, size: size + 10n, root: Buffer.alloc(32, 1) })) },
      ];
    },
  },
  {
    name: 'a log with a saved checkpoint is missing',
    sizeMin: 1,
    rule: ['anchor_ahead'],
    make: ({ bytes }) => bytes,
    anchors: ({ draft, ledgerKey }) => {
      const origin = (draft.logs[0] as DraftLog).origin.replace('/0/e1', '/3/e1');
      return [{ name: 'missing.checkpoint', note: ledgerKey.note(formatCheckpoint({ origin, size: 5n, root: Buffer.alloc(32, 1) })) }];
    },
  },
  {
    name: 'the log is in an earlier epoch than a saved checkpoint',
    sizeMin: 1,
    rule: ['anchor_ahead', 'anchor_differs'],
    make: ({ bytes }) => bytes,
    anchors: ({ draft, ledgerKey }) => {
      const { origin, size } = draft.logs[0] as DraftLog;
      const later = { origin: origin.replace('/e1', '/e2'), size: size + 1n, root: Buffer.alloc(32, 1) };
      return [{ name: 'epoch.checkpoint', note: ledgerKey.note(formatCheckpoint(later)) }];
    },
  },
  {
    name: 'a saved checkpoint is signed with another key',
    sizeMin: 1,
    rule: ['key_unknown'],
    make: ({ bytes }) => bytes,
    anchors: ({ draft, foreignKey }) => {
      const { origin, size } = draft.logs[0] as DraftLog;
      return [{ name: 'foreign.checkpoint', note: foreignKey.note(formatCheckpoint({ origin, size, root: Buffer.alloc(32, 1) })) }];
    },
  },
  {
    name: 'a saved checkpoint was edited',
    sizeMin: 1,
    rule: ['signature_invalid'],
    make: ({ bytes }) => bytes,
    anchors: ({ draft }) => {
      const kept = (draft.logs[0] as DraftLog).items.findLast(({ type }) => type === 'C') as Extract<Item, { type: 'C' }>;
      return [{ name: 'edited.checkpoint', note: Buffer.from(kept.note.toString().replace(/\n([0-9]+)\n/, '\n1$1\n')) }];
    },
  },
  {
    name: 'the whole ledger is rebuilt under a foreign key',
    sizeMin: 1,
    rule: ['key_unknown'],
    make: ({ size, foreignKey }) => rebuilt(size, foreignKey, foreignKey),
  },
  {
    name: 'a foreign key signs, and the ledger’s key is listed beside it',
    sizeMin: 1,
    rule: ['key_unknown'],
    make: ({ size, foreignKey, ledgerKey }) => rebuilt(size, foreignKey, ledgerKey, foreignKey),
  },
];

/** Changes the text of the first log's newest checkpoint; the statement stays. */
function note(name: string, rule: Rule, change: (text: string, stage: Stage) => string): FileKind {
  return {
    name,
    sizeMin: 1,
    rule: [rule],
    make: (stage) => {
      const changed = copyDraft(stage.draft);
      const log = changed.logs[0] as DraftLog;
      const { note: was } = log.items[newest(log)] as Extract<Item, { type: 'C' }>;
      log.items[newest(log)] = { type: 'C', note: Buffer.from(change(was.toString(), stage)) };
      return withRecords(stage.bytes, recordsOf(changed));
    },
  };
}

/** Signed with the ledger's key. */
function signed(name: string, rule: Rule, change: (log: DraftLog, key: NoteSigner, draft: Draft) => unknown, sizeMin = 1): FileKind {
  return {
    name,
    sizeMin,
    rule: [rule],
    make: ({ draft, ledgerKey }: Stage, _chance: Chance) => {
      const changed = copyDraft(draft);
      change(changed.logs[0] as DraftLog, ledgerKey, changed);
      return sign(changed, ledgerKey);
    },
  };
}

function newest(log: DraftLog): number {
  return log.items.findLastIndex(({ type }) => type === 'C');
}

function textOf(note: string): string {
  return note.slice(0, note.indexOf('\n\n') + 1);
}

function resign(log: DraftLog, key: NoteSigner, change: Partial<Parameters<typeof formatCheckpoint>[0]>, at = newest(log)): void {
  const was = parseCheckpoint(parseNote((log.items[at] as Extract<Item, { type: 'C' }>).note).text);
  log.items[at] = { type: 'C', note: key.note(formatCheckpoint({ ...was, ...change })) };
}

/** A checkpoint of a history with one different event. */
function fork(draft: Draft, key: NoteSigner): SavedNote {
  const other = copyDraft(draft).logs[0] as DraftLog;
  const last = other.items.findLastIndex((item) => item.type === 'E');
  const found = find(other, { below: () => last } as unknown as Chance, 'event');
  replaceFrame(other, found, { keyId: 'other' });
  rebuild(other, key);
  return { name: 'fork.checkpoint', note: (other.items.at(-1) as Extract<Item, { type: 'C' }>).note };
}

async function rebuilt(size: number, signer: NoteSigner, ...listed: NoteSigner[]): Promise<Buffer> {
  const log = makeLog(0, 4, Math.min(size, 300));
  const forged = log.checkpoints.splice(0).map(({ size: at, note: was }) => ({ size: at, note: signer.note(textOf(was.toString())) }));
  log.checkpoints.push(...forged);
  return makeBundle([log.source()], { vkeys: listed.map(({ vkey }) => vkey) }, signer);
}
