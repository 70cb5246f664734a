import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  buildHeadsTree,
  commitHeads,
  decodeHeadRecord,
  ed25519Signer,
  encodeHeadRecord,
  encodeNote,
  encodeTlogProof,
  formatCheckpoint,
  formatTenantHeads,
  type HeadsPath,
  headSalt,
  headsRootOf,
  headsWidth,
  leafHash,
  leavesReader,
  type PlacedHeads,
  proveInclusion,
  rootOf,
  signNote,
  type TenantHeads,
  verifyTenantHeads,
} from '../src/index.ts';
import { expectCode, flipOneBit } from './support.ts';

const secret = new Uint8Array(32).fill(7);
const heads = (tenant: string, slot: number, size = 5n): PlacedHeads => ({
  tenant,
  slot,
  logs: [
    { epoch: 1, shard: 1, size, root: leafHash(Buffer.from(`${tenant} 1 ${size}`)) },
    { epoch: 1, shard: 0, size: 9n, root: leafHash(Buffer.from(`${tenant} 0`)) },
  ],
});
const acme = heads('acme', 700);
const others = ['b', 'c', 'd'].map((tenant, at) => heads(tenant, 13 * at));

/** Publications 0 to 2 of a ledger, and a tenant's proof of the last. */
async function published(tenants: readonly PlacedHeads[]) {
  const trees = [0n, 1n, 2n].map((publication) => buildHeadsTree(publication, 1024, tenants, secret));
  const records = trees.map((tree) => encodeHeadRecord(tree));
  const leaves = records.map(leafHash);
  const origin = 'recant.example/head';
  const signer = ed25519Signer(origin, new Uint8Array(32).fill(3));
  const checkpoint = encodeNote(signNote(formatCheckpoint({ origin, size: 3n, root: rootOf(leaves) }), [signer]));
  const proofOf = async (index: bigint) =>
    encodeTlogProof({ index, hashes: await proveInclusion(index, 3n, leavesReader(leaves)), checkpoint });
  return { trees, proofOf, policy: { origin, logKeys: [signer.key] } };
}

describe('the ledger’s head', () => {
  it('binds a tenant’s heads, through a path and a salt, to a signed checkpoint of its own origin', async () => {
    const { trees, proofOf, policy } = await published([acme, ...others]);
    const path = trees[2]?.pathOf('acme') as HeadsPath;
    expect(path.path).toHaveLength(10);
    expect(verifyTenantHeads(acme, path, await proofOf(2n), policy).checkpoint.size).toBe(3n);
    const earlier = trees[1]?.pathOf('acme') as HeadsPath;
    verifyTenantHeads(acme, earlier, await proofOf(1n), policy);
    const other = await proofOf(2n);
    expectCode('root_mismatch', () => verifyTenantHeads(acme, earlier, other, policy));
  });

  it('does not verify with other heads, or another tenant, salt, slot, path, width or publication', async () => {
    const { trees, proofOf, policy } = await published([acme, ...others]);
    const path = trees[2]?.pathOf('acme') as HeadsPath;
    const proof = await proofOf(2n);
    const [log, ...rest] = acme.logs as [TenantHeads['logs'][number]];
    const changed: [TenantHeads, HeadsPath][] = [
      [{ ...acme, tenant: 'acmf' }, path],
      [{ ...acme, logs: rest }, path],
      [{ ...acme, logs: [{ ...log, size: log.size - 1n }, ...rest] }, path],
      [{ ...acme, logs: [{ ...log, epoch: 2 }, ...rest] }, path],
      [{ ...acme, logs: [{ ...log, root: flipOneBit(log.root, 3) }, ...rest] }, path],
      [acme, { ...path, salt: flipOneBit(path.salt, 9) }],
      [acme, { ...path, slot: path.slot ^ 1 }],
      [acme, { ...path, path: path.path.with(4, flipOneBit(path.path[4] as Uint8Array, 5)) }],
      [acme, { ...path, publication: 1n }],
    ];
    for (const [tenantHeads, tenantPath] of changed)
      expectCode('root_mismatch', () => verifyTenantHeads(tenantHeads, tenantPath, proof, policy));
    expectCode('proof_length_wrong', () => verifyTenantHeads(acme, { ...path, width: 2048 }, proof, policy));
    expectCode('head_invalid', () => verifyTenantHeads(acme, { ...path, width: 2 ** 40 }, proof, policy));
    expectCode('head_invalid', () => verifyTenantHeads(acme, { ...path, slot: 1024 }, proof, policy));
  });

  it('shows a tenant the same number of hashes, all new at each publication, whatever other tenants exist or do', () => {
    const alone = buildHeadsTree(1n, 1024, [acme], secret).pathOf('acme').path;
    const crowded = buildHeadsTree(1n, 1024, [acme, ...others], secret).pathOf('acme').path;
    const idle = buildHeadsTree(2n, 1024, [acme, ...others], secret).pathOf('acme').path;
    expect(crowded).toHaveLength(alone.length);
    const seen = new Set([...crowded, ...idle].map((hash) => Buffer.from(hash).toString('hex')));
    expect(seen.size).toBe(2 * alone.length);
  });

  it('has a width of at least twice the tenants and 1,024, which never shrinks', () => {
    expect([headsWidth(0), headsWidth(512), headsWidth(513), headsWidth(3, 4096)]).toEqual([1024, 1024, 2048, 4096]);
    expectCode('head_invalid', () => headsWidth(2 ** 20));
  });

  it('has one slot for each tenant', () => {
    const build = (...tenants: PlacedHeads[]) => buildHeadsTree(0n, 1024, tenants, secret);
    expectCode('head_invalid', () => build(acme, { ...acme, slot: 3 }));
    expectCode('head_invalid', () => build(acme, { ...acme, tenant: 'b' }));
    expectCode('head_invalid', () => build({ ...acme, slot: 1024 }));
    expectCode('head_invalid', () => build({ ...acme, tenant: 'a\nb' }));
    expectCode('head_invalid', () => build({ ...acme, logs: [...acme.logs, ...acme.logs] }));
    expectCode('head_invalid', () => build(acme).pathOf('b'));
    expectCode('key_invalid', () => buildHeadsTree(0n, 1024, [acme], new Uint8Array(31)));
  });

  it('commits to one text, in any order of the logs', () => {
    const salt = headSalt(secret, 4n, 'acme');
    expect(commitHeads({ ...acme, logs: acme.logs.toReversed() }, salt)).toEqual(commitHeads(acme, salt));
    expect(formatTenantHeads(acme).split('\n').slice(0, 2)).toEqual(['recant-tenant-heads/v1', 'acme']);
    expect(formatTenantHeads({ tenant: 'new', logs: [] })).toBe('recant-tenant-heads/v1\nnew\n');
  });

  it('has one encoding per record', () => {
    fc.assert(
      fc.property(
        fc.bigInt(0n, 2n ** 63n - 1n),
        fc.integer({ min: 10, max: 20 }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (publication, bits, root) => {
          const record = { publication, width: 2 ** bits, root };
          const bytes = encodeHeadRecord(record);
          const { root: read, ...rest } = decodeHeadRecord(bytes);
          expect({ ...rest, root: Uint8Array.from(read) }).toEqual(record);
          expectCode('trailing_bytes', () => decodeHeadRecord(Buffer.concat([bytes, Buffer.from('\n')])));
          expectCode('malformed', () => decodeHeadRecord(bytes.subarray(0, -1)));
        },
      ),
    );
  });

  it('has a valid path from every slot at every width', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 12 }), fc.nat(), (bits, place) => {
        const placed = heads('acme', place % 2 ** bits);
        const tree = buildHeadsTree(0n, 2 ** bits, [placed], secret);
        expect(headsRootOf(placed, tree.pathOf('acme'))).toEqual(tree.root);
      }),
      { numRuns: 10 },
    );
  });
});
