import type { JsonObject } from '@recant/events';
import type { Redactor } from '@recant/redaction';
import type { Sealer } from '../sealing/sealer.ts';
import { beside, type Contained, canonicalBytes, contain } from './content.ts';

/** How arguments and results are kept: redacted, then inside the event or beside it, sealed where a rule says so. */
export type KeepContent = (value: JsonObject, what: 'arguments' | 'result', subject: string) => Promise<Contained>;

export interface KeepOptions {
  readonly redactor: Redactor;
  /** Undefined: what was to be sealed is masked. */
  readonly sealer: Sealer | undefined;
  readonly random: (bytes: number) => Uint8Array;
}

/** Nothing that was to be sealed is ever kept as it is. The function rejects with RecantError `too_large`, and `redaction_refused` for arguments. */
export function createKeep({ redactor, sealer, random }: KeepOptions): KeepContent {
  return async (value, what, subject) => {
    const after = what === 'result';
    if (sealer !== undefined) {
      const redacted = redactor.json(value, what, { sealing: true, after });
      if (redacted.seal === undefined) return contain(redacted.value, random);
      const sealed = await sealer.seal(canonicalBytes(redacted.value, 'Contents'), subject);
      if (sealed !== undefined) return beside(sealed, random, subject);
    }
    return contain(redactor.json(value, what, { after }).value, random);
  };
}
