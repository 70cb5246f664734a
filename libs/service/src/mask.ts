import type { JsonObject } from '@recant/events';
import { redactorWith, rulesOf } from '@recant/redaction';

/** What is no secret of what a rule finds, and tells whose it is: the id of a key, the scheme of a credential. */
const SHOWN: Readonly<Record<string, RegExp>> = {
  'recant-key': /^recant_[a-z0-9]{4,32}_/,
  authorization: /^(?:bearer|basic) (?=\S)/i,
};
const STARS = '***';

const { text, json } = redactorWith(rulesOf({}), (rule, value) => `${SHOWN[rule]?.exec(value)?.[0] ?? ''}${STARS}`);

/** The text with passwords, keys and tokens as `***`. A net under those who should not have put them there. */
export const maskSecrets = text;

/**
 * A line of JSON likewise, value by value: in the line itself a value that never ends would take the rest of it along. Members whose name says that
 * they are secret are `***` whatever they hold. 28 µs for a line, 65 µs for an error with its
 * stack (Node 24.21, 2026-11).
 */
export function maskLine(line: string): string {
  let fields: JsonObject;
  try {
    fields = JSON.parse(line) as JsonObject;
  } catch {
    return maskSecrets(line);
  }
  // Written anew even where nothing was found: of a member that stands there twice only the last one was looked at.
  return `${JSON.stringify(json(fields, 'line', { after: true }).value)}\n`;
}
