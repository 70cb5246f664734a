import type { AttemptRef } from '@recant/events';
import type { RecordedAttempt } from './ports.ts';

/** Identity of an attempt within its tenant, as a map key. */
export function refKey(ref: AttemptRef): string {
  return `${ref.source}\u0000${ref.action}\u0000${ref.attempt}`;
}

/** The reference without extra fields, which must not reach a digest. */
export function plainRef(ref: AttemptRef): AttemptRef {
  return { source: ref.source, action: ref.action, attempt: ref.attempt };
}

/** Ordinals are decimal digits of any length. */
export function compareOrdinals(a: string, b: string): number {
  const left = a.replace(/^0+(?=\d)/, '');
  const right = b.replace(/^0+(?=\d)/, '');
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : left > right ? 1 : 0;
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Order of receipt by the ledger. A tie-break only: clocks never create a dependency. */
export function compareReceived(a: RecordedAttempt, b: RecordedAttempt): number {
  if (a.receivedAtMs !== b.receivedAtMs) return a.receivedAtMs - b.receivedAtMs;
  if (a.entry.shard !== b.entry.shard) return a.entry.shard - b.entry.shard;
  if (a.entry.index !== b.entry.index) return a.entry.index < b.entry.index ? -1 : 1;
  return compareText(refKey(a.ref), refKey(b.ref));
}
