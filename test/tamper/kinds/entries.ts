import { encodeFrame } from '@recant/ledger';
import type { Chance } from '../chance.ts';
import type { DraftLog, Entry, Item } from '../draft.ts';
import { cut, editEvent, find, frameOf, isType, replaceFrame } from '../edit.ts';
import { ANCHOR, type EntryKind, TREE } from '../kind.ts';

/** Entries cut out, put in, moved or edited so that each is still what a ledger could have written. */
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
    naive: TREE,
    insider: ['anchor_differs'],
  },
  {
    name: 'the tool of an attempt is another',
    sizeMin: 255,
    edit: (log, chance) => {
      editEvent(log, find(log, chance, 'event', isType('attempt.intended')), (event) => {
        event.data.tool = 'refund';
      });
    },
    naive: TREE,
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
    naive: TREE,
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
    naive: TREE,
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
    naive: TREE,
    insider: ['anchor_differs'],
  },
  {
    name: 'the outcome of an attempt is another',
    sizeMin: 255,
    edit: (log, chance) => {
      editEvent(log, find(log, chance, 'event', isType('attempt.settled')), (event) => {
        event.data.outcome = 'denied';
      });
    },
    naive: TREE,
    insider: ['anchor_differs'],
  },
  {
    name: 'somebody else’s key is said to have sent it',
    sizeMin: 2,
    edit: (log, chance) => replaceFrame(log, find(log, chance, 'event'), { keyId: 'key2' }),
    naive: TREE,
    insider: ['anchor_differs'],
  },
  {
    name: 'the time of an entry is moved between those beside it',
    sizeMin: 2,
    edit: (log, chance) => {
      const found = find(log, chance, 'event');
      replaceFrame(log, found, { receivedAtMs: found.frame.receivedAtMs - 1 });
    },
    naive: TREE,
    insider: ['anchor_differs'],
  },
  {
    name: 'an entry is cut out of the middle',
    sizeMin: 255,
    edit: (log, chance) => cut(log, beforeAnother(log, chance)),
    naive: ['index_gap'],
    insider: ANCHOR,
  },
  {
    name: 'an entry is cut out and the others are numbered anew',
    sizeMin: 255,
    edit: (log, chance) => {
      const at = beforeAnother(log, chance);
      cut(log, at);
      log.items = log.items.map((item, n) =>
        n >= at && item.type !== 'C' && item.type !== 'P' ? { ...item, index: item.index - 1n } : item,
      );
    },
    naive: ['size_mismatch'],
    insider: ANCHOR,
  },
  {
    name: 'a settlement is removed',
    sizeMin: 255,
    edit: (log, chance) => cut(log, find(log, chance, 'event', isType('attempt.settled')).at),
    naive: ['index_gap', 'size_mismatch'],
    insider: ANCHOR,
  },
  {
    name: 'an intent is removed',
    sizeMin: 255,
    edit: (log, chance) => cut(log, find(log, chance, 'event', isType('attempt.intended')).at),
    naive: ['index_gap', 'size_mismatch'],
    insider: ANCHOR,
  },
  {
    name: 'a chunk of effects is removed',
    sizeMin: 255,
    edit: (log, chance) => cut(log, find(log, chance, 'event', isType('attempt.effects')).at),
    naive: ['index_gap', 'size_mismatch'],
    insider: ANCHOR,
  },
  {
    name: 'a dead letter is removed with its entry',
    sizeMin: 255,
    edit: (log, chance) => cut(log, find(log, chance, 'dead_letter').at),
    naive: ['index_gap', 'size_mismatch'],
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
    naive: ['size_mismatch'],
    insider: ['anchor_ahead'],
  },
  {
    name: 'the tail is cut off and the manifest adapted',
    sizeMin: 2,
    edit: (log) => {
      log.size -= 1n;
      cutFrom(log, log.size);
    },
    naive: ['size_mismatch', 'statement_invalid'],
    insider: ['anchor_ahead'],
  },
  {
    name: 'the log is rolled back to an older checkpoint',
    sizeMin: 2,
    edit: (log) => {
      log.items = log.items.slice(0, log.items.slice(0, -1).findLastIndex(({ type }) => type === 'C') + 1);
      log.size = (entries(log).at(-1) as Entry).index + 1n;
    },
    naive: ['statement_invalid'],
    insider: ['anchor_ahead'],
  },
  {
    name: 'two entries change places',
    sizeMin: 255,
    edit: (log, chance) => {
      const at = beforeAnother(log, chance);
      [log.items[at], log.items[at + 1]] = [log.items[at + 1] as Item, log.items[at] as Item];
    },
    naive: ['index_gap'],
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
    naive: TREE,
    insider: ['anchor_differs'],
  },
  {
    name: 'an event that never was is put in',
    sizeMin: 255,
    edit: (log, chance) => {
      const at = beforeAnother(log, chance);
      const entry = log.items[at] as Entry;
      log.items.splice(at, 0, entry);
      editEvent(log, { at, entry, frame: frameOf(entry) }, invent);
    },
    naive: ['index_gap'],
    insider: ['anchor_differs'],
  },
  {
    name: 'an event is appended past the ledger',
    sizeMin: 2,
    edit: (log) => {
      const last = entries(log).findLast((entry) => frameOf(entry).kind === 'event') as Entry;
      const at = log.items.push({ ...last, index: log.size }) - 1;
      const end = entries(log).at(-2) as Entry;
      const frame = { ...frameOf(last), receivedAtMs: frameOf(end).receivedAtMs };
      editEvent(log, { at, entry: log.items[at] as Entry, frame }, invent);
    },
    naive: ['size_mismatch'],
  },
  {
    name: 'an entry is written twice',
    sizeMin: 255,
    edit: (log, chance) => {
      const at = beforeAnother(log, chance);
      log.items.splice(at, 0, log.items[at] as Item);
    },
    naive: ['index_gap'],
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
    naive: TREE,
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

/** Everything from an entry on, with the message and the checkpoints behind it. */
function cutFrom(log: DraftLog, index: bigint): void {
  log.items = log.items.slice(
    0,
    log.items.findIndex((item) => item.type === 'E' && item.index === index),
  );
}

/** An event with an event directly behind it. */
function beforeAnother(log: DraftLog, chance: Chance): number {
  for (;;) {
    const { at } = find(log, chance, 'event');
    const next = log.items[at + 1];
    if (next?.type === 'E' && frameOf(next).kind === 'event') return at;
  }
}
