import { canonicalize, type JsonObject } from '@recant/events';
import { decodeFrame, encodeFrame, type Frame, type FrameKind } from '@recant/ledger';
import type { Chance } from './chance.ts';
import type { DraftLog, Entry, Item } from './draft.ts';

/** An entry and its position among the items of its log. */
export interface Found {
  readonly at: number;
  readonly entry: Entry;
  readonly frame: Frame;
}

export function frameOf(entry: Entry): Frame {
  return decodeFrame(entry.frame) as Frame;
}

/** A random entry of a kind. @param accepts filters by the body. */
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
  throw new RangeError(`no matching ${kind} in this log`);
}

export function replaceFrame(log: DraftLog, { at, entry, frame }: Found, changed: Partial<Frame>): void {
  log.items[at] = { ...entry, frame: encodeFrame({ ...frame, ...changed }) };
}

/** Replaces a body with any bytes, valid or not. */
export function replaceBody(log: DraftLog, found: Found, body: string): void {
  replaceFrame(log, found, { body: Buffer.from(body, 'utf8') });
}

/** Changes an event and encodes it canonically, as the ledger does. */
export function editEvent(log: DraftLog, found: Found, change: (event: Loose) => void): void {
  const event = JSON.parse(Buffer.from(found.frame.body).toString('utf8')) as Loose;
  change(event);
  replaceBody(log, found, canonicalize(event as unknown as JsonObject));
}

// biome-ignore lint/suspicious/noExplicitAny: tampered events have no type
export type Loose = Record<string, any>;

/** Removes an entry and its dead letter. */
export function cut(log: DraftLog, at: number): void {
  const next = log.items[at + 1];
  log.items.splice(at, next?.type === 'D' ? 2 : 1);
}

export const isType =
  (type: string) =>
  (body: string): boolean =>
    body.includes(`"type":"recant.${type}.v1"`);
