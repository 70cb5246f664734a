import type { JsonObject } from '@recant/events';
import type { Redactor } from '@recant/redaction';
import type { Sealer } from '../sealing/sealer.ts';
import { canonicalBytes, type EncodedContent, toInlineOrPart, toPart } from './content.ts';

/**
 * Redacts arguments or a result, seals the whole content where a rule requires it, and encodes it inline or as a part. Sealing may fetch a key.
 * Rejects with RecantError `too_large`, and for arguments `redaction_refused`.
 */
export type EncodeContent = (value: JsonObject, what: 'arguments' | 'result', subject: string) => Promise<EncodedContent>;

export interface ContentEncoderOptions {
  readonly redactor: Redactor;
  /** Undefined: values that a rule would seal are masked. */
  readonly sealer: Sealer | undefined;
  readonly random: (bytes: number) => Uint8Array;
}

/** Content that a rule would seal is never encoded in plain text: without a key it is masked. */
export function createContentEncoder({ redactor, sealer, random }: ContentEncoderOptions): EncodeContent {
  return async (value, what, subject) => {
    const after = what === 'result';
    if (sealer !== undefined) {
      const redacted = redactor.json(value, what, { sealing: true, after });
      if (redacted.seal === undefined) return toInlineOrPart(redacted.value, random);
      const sealed = await sealer.seal(canonicalBytes(redacted.value, 'Contents'), subject);
      if (sealed !== undefined) return toPart(sealed, random, subject);
    }
    return toInlineOrPart(redactor.json(value, what, { after }).value, random);
  };
}
