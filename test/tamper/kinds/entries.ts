import { encodeFrame } from '@recant/ledger';
import type { Chance } from '../chance.ts';
import type { DraftLog, Entry, Item } from '../draft.ts';
import { cut, editEvent, find, frameOf, isType, replaceFrame } from '../edit.ts';
import { ANCHOR, type EntryKind, TREE } from '../kind.ts';

/** Entries removed, inserted, moved or edited, each still one that a ledger could have written. */
export const ENTRY_KINDS: readonly EntryKind[] = [
  {
    name: 'an event is edited',
    sizeMin: 2,
    edit: (log, chance) => {
      const found = find(log, chance, 'event');
      editEvent(log, found, (event) => {
        event.agent = 'agent-2';
      });
    },
    unsigned: TREE,
    insider: ['anchor_differs'],
  },
  {
    name: 'the tool of an attempt is changed',
    sizeMin: 255,
    edit: (log, chance) => {
      editEvent(log, find(log, chance, 'event', isType('attempt.intended')), (event) => {
        event.data.tool = 'refund';
      });
    },
    unsigned: TREE,
    insider: ['anchor_differs'],
  },
  {
    name: 'what an effect wrote is changed in its chunk',
    sizeMin: 255,
    edit: (log, chance) => {
      editEvent(log, find(log, chance, 'event', isType('attempt.effects')), (event) => {
        event.data.effects[0].operation = 'delete';
      });
    },
    unsigned: TREE,
    insider: ['anchor_differs'],
  },
  {
    name: 'the digest of a part is changed',
    sizeMin: 255,
    edit: (log, chance) => {
      editEvent(
        log,
        find(log, chance, 'event', (body) => body.includes('"part":')),
        (event) => {
          event.data.arguments.part.digest = 'ab'.repeat(32);
        },
      );
    },
    unsigned: TREE,
    insider: ['anchor_differs'],
  },
  {
    name: 'the salt of a part is changed',
    sizeMin: 255,
    edit: (log, chance) => {
      editEvent(
        log,
        find(log, chance, 'event', (body) => body.includes('"part":')),
        (event) => {
          event.data.arguments.part.salt = 'BBBBBBBBBBBBBBBBBBBBBA';
        },
      );
    },
    unsigned: TREE,
    insider: ['anchor_differs'],
  },
  {
    name: 'the outcome of an attempt is changed',
    sizeMin: 255,
    edit: (log, chance) => {
      editEvent(log, find(log, chance, 'event', isType('attempt.settled')), (event) => {
        event.data.outcome = 'denied';
      });
    },
    unsigned: TREE,
    insider: ['anchor_differs'],
  },
  {
    name: 'the entry names another key as sender',
    sizeMin: 2,
    edit: (log, chance) => replaceFrame(log, find(log, chance, 'event'), { keyId: 'key2' }),
    unsigned: TREE,
    insider: ['anchor_differs'],
  },
  {
    name: 'the time of an entry is changed between its neighbours',
    sizeMin: 2,
    edit: (log, chance) => {
      const found = find(log, chance, 'event');
      replaceFrame(log, found, { receivedAtMs: found.frame.receivedAtMs - 1 });
    },
    unsigned: TREE,
    insider: ['anchor_differs'],
  },
  {
    name: 'an entry is removed from the middle',
    sizeMin: 255,
    edit: (log, chance) => cut(log, beforeAnother(log, chance)),
    unsigned: ['index_gap'],
    insider: ANCHOR,
  },
  {
    name: 'an entry is removed and the others are renumbered',
    sizeMin: 255,
    edit: (log, chance) => {
      const at = beforeAnother(log, chance);
      cut(log, at);
      log.items = log.items.map((item, n) =>
        n >= at && item.type !== 'C' && item.type !== 'P' ? { ...item, index: item.index - 1n } : item,
      );
    },
    unsigned: ['size_mismatch'],
    insider: ANCHOR,
  },
  {
    name: 'a settlement is removed',
    sizeMin: 255,
    edit: (log, chance) => cut(log, find(log, chance, 'event', isType('attempt.settled')).at),
    unsigned: ['index_gap', 'size_mismatch'],
    insider: ANCHOR,
  },
  {
    name: 'an intent is removed',
    sizeMin: 255,
    edit: (log, chance) => cut(log, find(log, chance, 'event', isType('attempt.intended')).at),
    unsigned: ['index_gap', 'size_mismatch'],
    insider: ANCHOR,
  },
  {
    name: 'a chunk of effects is removed',
    sizeMin: 255,
    edit: (log, chance) => cut(log, find(log, chance, 'event', isType('attempt.effects')).at),
    unsigned: ['index_gap', 'size_mismatch'],
    insider: ANCHOR,
  },
  {
    name: 'a dead letter is removed with its entry',
    sizeMin: 255,
    edit: (log, chance) => cut(log, find(log, chance, 'dead_letter').at),
    unsigned: ['index_gap', 'size_mismatch'],
    insider: ANCHOR,
  },
  {
    name: 'the tail is cut off',
    sizeMin: 2,
    edit: (log) => {
      const newest = log.items.at(-1) as Item;
      cutFrom(log, log.size - BigInt(Math.ceil(Number(log.size) / 10)));
      log.items.push(newest);
    },
    unsigned: ['size_mismatch'],
    insider: ['anchor_ahead'],
  },
  {
    name: 'the tail is cut off and the manifest adapted',
    sizeMin: 2,
    edit: (log) => {
      log.size -= 1n;
      cutFrom(log, log.size);
    },
    unsigned: ['size_mismatch', 'statement_invalid'],
    insider: ['anchor_ahead'],
  },
  {
    name: 'the log is rolled back to an older checkpoint',
    sizeMin: 2,
    edit: (log) => {
      log.items = log.items.slice(0, log.items.slice(0, -1).findLastIndex(({ type }) => type === 'C') + 1);
      log.size = (entries(log).at(-1) as Entry).index + 1n;
    },
    unsigned: ['statement_invalid'],
    insider: ['anchor_ahead'],
  },
  {
    name: 'two entries change places',
    sizeMin: 255,
    edit: (log, chance) => {
      const at = beforeAnother(log, chance);
      [log.items[at], log.items[at + 1]] = [log.items[at + 1] as Item, log.items[at] as Item];
    },
    unsigned: ['index_gap'],
    insider: ['received_at_falls'],
  },
  {
    name: 'two entries change places and times',
    sizeMin: 255,
    edit: (log, chance) => {
      const at = beforeAnother(log, chance);
      const [first, second] = [log.items[at] as Entry, log.items[at + 1] as Entry];
      const [a, b] = [frameOf(first), frameOf(second)];
      log.items[at] = { ...first, frame: encodeFrame({ ...b, receivedAtMs: a.receivedAtMs }) };
      log.items[at + 1] = { ...second, frame: encodeFrame({ ...a, receivedAtMs: b.receivedAtMs }) };
    },
    unsigned: TREE,
    insider: ['anchor_differs'],
  },
  {
    name: 'an invented event is inserted',
    sizeMin: 255,
    edit: (log, chance) => {
      const at = beforeAnother(log, chance);
      const entry = log.items[at] as Entry;
      log.items.splice(at, 0, entry);
      editEvent(log, { at, entry, frame: frameOf(entry) }, invent);
    },
    unsigned: ['index_gap'],
    insider: ['anchor_differs'],
  },
  {
    name: 'an event is appended without the ledger',
    sizeMin: 2,
    edit: (log) => {
      const last = entries(log).findLast((entry) => frameOf(entry).kind === 'event') as Entry;
      const at = log.items.push({ ...last, index: log.size }) - 1;
      const end = entries(log).at(-2) as Entry;
      const frame = { ...frameOf(last), receivedAtMs: frameOf(end).receivedAtMs };
      editEvent(log, { at, entry: log.items[at] as Entry, frame }, invent);
    },
    unsigned: ['size_mismatch'],
  },
  {
    name: 'an entry is written twice',
    sizeMin: 255,
    edit: (log, chance) => {
      const at = beforeAnother(log, chance);
      log.items.splice(at, 0, log.items[at] as Item);
    },
    unsigned: ['index_gap'],
    insider: ['key_duplicate'],
  },
  {
    name: 'an early event is recorded again later',
    sizeMin: 255,
    edit: (log, chance) => {
      const early = entries(log).find((entry) => frameOf(entry).kind === 'event') as Entry;
      const late = find(log, chance, 'event', (body) => body !== Buffer.from(frameOf(early).body).toString('utf8'));
      replaceFrame(log, late, { body: frameOf(early).body });
    },
    unsigned: TREE,
    insider: ['key_duplicate'],
  },
];

export function entries(log: DraftLog): Entry[] {
  return log.items.filter((item): item is Entry => item.type === 'E');
}

function invent(event: Record<string, unknown>): void {
  event.id = 'heartbeat.999999999';
  event.type = 'recant.source.heartbeat.v1';
  event.sequence = '0000000999999999';
  event.data = { nothingOlderThan: event.time };
}

/** Cuts the log from an entry on, including dead letters and checkpoints. */
function cutFrom(log: DraftLog, index: bigint): void {
  log.items = log.items.slice(
    0,
    log.items.findIndex((item) => item.type === 'E' && item.index === index),
  );
}

/** An event that another event directly follows. */
function beforeAnother(log: DraftLog, chance: Chance): number {
  for (;;) {
    const { at } = find(log, chance, 'event');
    const next = log.items[at + 1];
    if (next?.type === 'E' && frameOf(next).kind === 'event') return at;
  }
}
