import { z } from 'zod';
import { ANY_MEDIA_TYPE, route } from './route.ts';

/** C2SP tlog-witness, a separate service. It needs no API key: the log signs its checkpoint. */
export const addCheckpoint = route({
  operationId: 'addCheckpoint',
  method: 'post',
  path: '/add-checkpoint',
  tag: 'witness',
  summary: 'Cosign a checkpoint that continues the last one',
  description: 'C2SP tlog-witness: an old size, a consistency proof, an empty line, a checkpoint.',
  roles: 'public',
  body: { kind: 'raw', bytesMax: 1_004_096, content: { [ANY_MEDIA_TYPE]: z.string() } },
  responses: {
    200: { description: 'Cosignature lines', mediaType: 'text/plain; charset=utf-8' },
    409: { description: 'The last size that the witness cosigned', mediaType: 'text/x.tlog.size' },
  },
  errors: ['origin_unknown', 'checkpoint_unsigned', 'checkpoint_inconsistent', 'witness_full'],
});

export const getCosignedCheckpoint = route({
  operationId: 'getCosignedCheckpoint',
  method: 'get',
  path: '/{originHash}/checkpoint',
  tag: 'witness',
  summary: 'The last cosigned checkpoint of a log',
  roles: 'public',
  params: z.object({ originHash: z.string().meta({ description: 'Lower-case hex SHA-256 of the origin' }) }),
  responses: { 200: { description: 'A signed note', mediaType: 'text/plain; charset=utf-8' } },
  errors: ['origin_unknown'],
});
