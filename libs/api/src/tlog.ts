import { z } from 'zod';
import { index, instant, name, ordinal, reason, shard } from './field.ts';
import { route } from './route.ts';

/** Every role that may read anything may read the published log. */
const READERS = ['view', 'plan', 'execute', 'export', 'administer', 'rollback'] as const;
const TEXT = 'text/plain; charset=utf-8';
/** Longer than the path of any tile. */
const TILE_PATH_MAX = 80;

export const getVkeys = route({
  operationId: 'getVkeys',
  method: 'get',
  path: '/v1/tlog/vkeys',
  tag: 'evidence',
  summary: 'Verifier keys of the checkpoints, one per line (C2SP signed-note)',
  description:
    'During a key rotation there are two, and both sign every checkpoint. Obtain them once over a trusted channel, then compare.',
  roles: READERS,
  responses: { 200: { description: 'Verifier keys', mediaType: TEXT } },
  errors: ['signing_not_configured'],
});

export const getCheckpoint = route({
  operationId: 'getCheckpoint',
  method: 'get',
  path: '/v1/tlog/{shard}/checkpoint',
  tag: 'evidence',
  summary: 'The newest checkpoint of one of this tenant’s logs (C2SP tlog-checkpoint), with the signatures of witnesses',
  roles: READERS,
  params: z.object({ shard }),
  responses: { 200: { description: 'A signed note', mediaType: TEXT } },
  errors: ['not_published'],
});

export const getTile = route({
  operationId: 'getTile',
  method: 'get',
  path: '/v1/tlog/{shard}/tile/{path}',
  wildcard: 'path',
  tag: 'evidence',
  summary: 'A tile of hashes or of entries (C2SP tlog-tiles)',
  description: '`path` is `<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]`, with N as `x001/x234/067`. An entry is a frame of this ledger.',
  roles: READERS,
  params: z.object({ shard, path: z.string().max(TILE_PATH_MAX) }),
  responses: { 200: { description: 'A tile as specified by C2SP tlog-tiles', mediaType: 'application/octet-stream' } },
  errors: ['not_published'],
});

export const getReceipt = route({
  operationId: 'getReceipt',
  method: 'get',
  path: '/v1/actions/{action}/receipt',
  tag: 'evidence',
  summary: 'Proof that an attempt’s settlement (before it: its intent) is in the log (C2SP tlog-proof)',
  description:
    'The extra data is the entry whose RFC 6962 leaf hash is proven, so the file can be verified offline with the verifier keys alone.',
  roles: READERS,
  params: z.object({ action: name }),
  query: z.object({ attempt: ordinal.optional().meta({ description: 'Default: the last one.' }) }),
  responses: { 200: { description: 'A .tlog-proof file', mediaType: TEXT } },
  errors: ['action_unknown', 'receipt_pending', 'projection_behind'],
});

const hash = z.string().meta({ description: 'Base64 of 32 bytes.' });
export const HeadBody = z
  .object({
    publication: index,
    slot: z.int(),
    width: z.int(),
    salt: hash,
    path: z.array(hash).meta({ description: 'Audit path, from the slot’s sibling upwards.' }),
    heads: z.string().meta({ description: 'The committed text: this tenant’s logs at the time of the head.' }),
    proof: z.string().meta({ description: 'tlog-proof of this publication’s record in the head log.' }),
    signedAt: instant,
  })
  .meta({ id: 'Head' });
export type HeadBody = z.infer<typeof HeadBody>;

export const getHead = route({
  operationId: 'getHead',
  method: 'get',
  path: '/v1/head',
  tag: 'evidence',
  summary: 'Proof that the ledger’s newest signed head includes this tenant’s logs',
  roles: READERS,
  responses: { 200: { description: 'The tenant’s logs, the salt of their commitment, and its path to the signed root', schema: HeadBody } },
  errors: ['not_published'],
});

export const OpenEpochBody = z.strictObject({ reason }).meta({ id: 'OpenEpoch' });
export const OpenedEpoch = z
  .object({
    shard,
    epoch: z.int(),
    start: index,
    origin: z.string().meta({ description: 'Origin of the new epoch: the first line of its checkpoints.' }),
  })
  .meta({ id: 'OpenedEpoch' });
export type OpenedEpoch = z.infer<typeof OpenedEpoch>;

export const openEpoch = route({
  operationId: 'openEpoch',
  record: 'none',
  method: 'post',
  path: '/v1/tlog/{shard}/epochs',
  tag: 'evidence',
  summary: 'Declare that a log was restored from an older copy, and start a new epoch',
  description:
    'Refused if the log is consistent with its signed and anchored checkpoints. Entries after the older copy are lost to this ledger; producers that still have the events can send them again.',
  roles: ['administer'],
  params: z.object({ shard }),
  body: { kind: 'json', schema: OpenEpochBody },
  responses: { 201: { description: 'The declaration, recorded in the log', schema: OpenedEpoch } },
  errors: ['epoch_not_needed', 'epoch_limit_reached', 'ledger_tampered', 'not_published', 'signing_not_configured'],
});
