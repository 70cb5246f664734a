import { createRedactor, RedactionError, type RedactionOptions, type Redactor, rulesOf } from '@recant/redaction';
import { RecantError } from '../error.ts';

/** The redactor of one recorder. Its methods throw RecantError `redaction_refused`. @throws RecantError `options_invalid` */
export function recorderRedactor(options: RedactionOptions, random: (bytes: number) => Uint8Array): Redactor {
  const redactor = convertErrors(() => createRedactor(rulesOf(options), random));
  return {
    ...redactor,
    json: (value, place, how) => convertErrors(() => redactor.json(value, place, how)),
    name: (text, place) => convertErrors(() => redactor.name(text, place)),
  };
}

export function redactionRefused(rule: string, place: string): RecantError {
  return new RecantError('redaction_refused', `The redaction rule ${rule} matched in ${place}, so the tool did not run.`, {
    finding: { rule, place },
  });
}

/** Converts a RedactionError to a RecantError, which says that the tool did not run. */
function convertErrors<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RedactionError)) throw error;
    if (error.finding !== undefined) throw redactionRefused(error.finding.rule, error.finding.place);
    throw new RecantError('options_invalid', error.message);
  }
}
