import { canonicalize, type JsonObject } from '@recant/events';
import { decodeFrame, encodeFrame, type Frame, type FrameKind } from '@recant/ledger';
import type { Chance } from './chance.ts';
import type { DraftLog, Entry, Item } from './draft.ts';

/** Where an entry stands among the items of its log. */
export interface Found {
  readonly at: number;
  readonly entry: Entry;
  readonly frame: Frame;
}

export function frameOf(entry: Entry): Frame {
  return decodeFrame(entry.frame) as Frame;
}

/** An entry of a kind, somewhere in the log. @param accepts narrows it down by its body. */
export function find(log: DraftLog, chance: Chance, kind: FrameKind, accepts: (body: string) => boolean = () => true): Found {
  const { items } = log;
  const start = chance.below(items.length);
  for (let n = 0; n < items.length; n += 1) {
    const at = (start + n) % items.length;
    const entry = items[at] as Item;
    if (entry.type !== 'E') continue;
    const frame = frameOf(entry);
    if (frame.kind === kind && accepts(Buffer.from(frame.body).toString('utf8'))) return { at, entry, frame };
  }
  throw new RangeError(`no such ${kind} in this log`);
}

export function replaceFrame(log: DraftLog, { at, entry, frame }: Found, changed: Partial<Frame>): void {
  log.items[at] = { ...entry, frame: encodeFrame({ ...frame, ...changed }) };
}

/** Bytes of a body that no encoder would write. */
export function replaceBody(log: DraftLog, found: Found, body: string): void {
  replaceFrame(log, found, { body: Buffer.from(body, 'utf8') });
}

/** Changes an event and writes it as the ledger would have. */
export function editEvent(log: DraftLog, found: Found, change: (event: Loose) => void): void {
  const event = JSON.parse(Buffer.from(found.frame.body).toString('utf8')) as Loose;
  change(event);
  replaceBody(log, found, canonicalize(event as unknown as JsonObject));
}

// biome-ignore lint/suspicious/noExplicitAny: whoever tampers keeps to no type
export type Loose = Record<string, any>;

/** Cuts an entry out, and the message that stands beside it. */
export function cut(log: DraftLog, at: number): void {
  const next = log.items[at + 1];
  log.items.splice(at, next?.type === 'D' ? 2 : 1);
}

export const isType =
  (type: string) =>
  (body: string): boolean =>
    body.includes(`"type":"recant.${type}.v1"`);
