import type { JsonObject } from '@recant/events';
import type { Redactor } from '../redaction/redactor.ts';
import { type Contained, contain } from './content.ts';

/** How arguments and results are kept: redacted, then inside the event or beside it. */
export type KeepContent = (value: JsonObject, what: 'arguments' | 'result') => Contained;

/** @throws (the returned function) RecantError `too_large`, and `redaction_refused` for arguments. */
export function createKeep(redactor: Redactor, random: (bytes: number) => Uint8Array): KeepContent {
  return (value, what) => contain(redactor.json(value, what, { after: what === 'result' }).value, random);
}
