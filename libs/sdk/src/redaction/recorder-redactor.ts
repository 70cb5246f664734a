import { createRedactor, RedactionError, type RedactionOptions, type Redactor, rulesOf } from '@recant/redaction';
import { RecantError } from '../error.ts';

/** The redactor of one recorder. @throws RecantError `options_invalid`; its methods throw `redaction_refused` where those of the rules refuse. */
export function recorderRedactor(options: RedactionOptions, random: (bytes: number) => Uint8Array): Redactor {
  const redactor = translating(() => createRedactor(rulesOf(options), random));
  return {
    ...redactor,
    json: (value, place, how) => translating(() => redactor.json(value, place, how)),
    name: (text, place) => translating(() => redactor.name(text, place)),
  };
}

export function redactionRefused(rule: string, place: string): RecantError {
  return new RecantError('redaction_refused', `The redaction rule ${rule} refuses what stands in ${place}; the tool did not run.`, {
    finding: { rule, place },
  });
}

/** What redaction refuses, in the SDK's own words: they know that the tool did not run. */
function translating<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RedactionError)) throw error;
    if (error.finding !== undefined) throw redactionRefused(error.finding.rule, error.finding.place);
    throw new RecantError('options_invalid', error.message);
  }
}
