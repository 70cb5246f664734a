import { ApiFault, addCheckpoint, getCosignedCheckpoint } from '@recant/api';
import { type BoundRoute, handle } from '@recant/service';
import type { Witness } from '@recant/witness';

/** Characters of an inconsistent request in the log line: two contradicting signed checkpoints prove a fork. */
const EVIDENCE_CHARACTERS_MAX = 16_384;
const CODES = { 400: 'request_invalid', 403: 'checkpoint_unsigned', 404: 'origin_unknown', 422: 'checkpoint_inconsistent' } as const;

export function witnessRoutes(witness: Witness): readonly BoundRoute[] {
  return [
    handle(addCheckpoint, async ({ body, log }) => {
      const answer = await witness.addCheckpoint(body.bytes);
      switch (answer.kind) {
        case 'cosigned':
          log.info({ origin: answer.checkpoint.origin, size: String(answer.checkpoint.size) }, 'witness: checkpoint cosigned');
          return { status: 200, body: answer.body };
        case 'conflict':
          return { status: 409, body: answer.body };
        case 'full':
          throw new ApiFault('witness_full', 'This witness has reached its maximum number of logs.');
        case 'refused': {
          const { status, error } = answer;
          if (status === 422)
            log.warn(
              { request: new TextDecoder().decode(body.bytes).slice(0, EVIDENCE_CHARACTERS_MAX) },
              'witness: inconsistent checkpoint, a possible fork',
            );
          throw new ApiFault(CODES[status], `${error.message}.`, { cause: error });
        }
      }
    }),
    handle(getCosignedCheckpoint, async ({ params }) => {
      const note = await witness.checkpoint(params.originHash);
      if (note === undefined) throw new ApiFault('origin_unknown', 'No cosigned checkpoint for an origin with this hash.');
      return { status: 200, body: note };
    }),
  ];
}
