import { join } from 'node:path';
import { folderAnchor } from '@recant/anchors';
import { originOf, type Signer } from '@recant/ledger';
import { encodeNote, formatCheckpoint, HASH_BYTES, parseVerifierKey } from '@recant/transparency';
import { OWN } from './callers.ts';
import { SHARDS, type World } from './world.ts';

/** Entries that the anchor covers and the database lacks. */
const LOST = 1_000n;

/** Makes a log look restored to before its first entry: an anchor has a checkpoint of it. @returns its shard */
export async function setBack({ folder, signing, store }: World): Promise<number> {
  // An unused log: the ledger caches a log's state and anchors for a minute.
  const { rows } = await store.pool.query(
    `SELECT s FROM generate_series(0, $2 - 1) s WHERE NOT EXISTS (SELECT FROM recant.log l WHERE l.tenant_id = $1 AND l.shard = s) ORDER BY s DESC LIMIT 1`,
    [OWN, SHARDS],
  );
  const [{ s: shard }] = rows as [{ s: number }];
  const known = { origin: originOf(signing.ledger, { tenant: OWN, shard }, 1), size: LOST, root: new Uint8Array(HASH_BYTES).fill(1) };
  const text = formatCheckpoint(known);
  const [signer] = signing.signers as [Signer];
  const { name, keyId } = parseVerifierKey(signer.vkey);
  const note = encodeNote({ text, signatures: [{ name, keyId, signature: await signer.sign(Buffer.from(text)) }] });
  await folderAnchor(join(folder, 'anchor')).put({ ...known, note });
  return shard;
}
