import { ApiFault, addCheckpoint, getCosignedCheckpoint } from '@recant/api';
import { type BoundRoute, handle } from '@recant/service';
import type { Witness } from '@recant/witness';

/** Characters of a refused request kept in the log: two signed checkpoints that contradict each other are the proof of a fork. */
const EVIDENCE_CHARACTERS_MAX = 16_384;
const CODES = { 400: 'request_invalid', 403: 'checkpoint_unsigned', 404: 'origin_unknown', 422: 'checkpoint_inconsistent' } as const;

export function witnessRoutes(witness: Witness): readonly BoundRoute[] {
  return [
    handle(addCheckpoint, async ({ body, log }) => {
      const answer = await witness.addCheckpoint(body.bytes);
      switch (answer.kind) {
        case 'cosigned':
          log.info({ origin: answer.checkpoint.origin, size: String(answer.checkpoint.size) }, 'cosigned');
          return { status: 200, body: answer.body };
        case 'conflict':
          return { status: 409, body: answer.body };
        case 'full':
          throw new ApiFault('witness_full', 'This witness keeps as many logs as it may.');
        case 'refused': {
          const { status, error } = answer;
          if (status === 422)
            log.warn({ request: new TextDecoder().decode(body.bytes).slice(0, EVIDENCE_CHARACTERS_MAX) }, 'a log contradicts itself');
          throw new ApiFault(CODES[status], `${error.message}.`, { cause: error });
        }
      }
    }),
    handle(getCosignedCheckpoint, async ({ params }) => {
      const note = await witness.checkpoint(params.originHash);
      if (note === undefined) throw new ApiFault('origin_unknown', 'Nothing was cosigned of a log whose origin has this hash.');
      return { status: 200, body: note };
    }),
  ];
}
