import type { Bytes } from '#crypto';
import { TransparencyError } from '../error.ts';
import { leafHash, nodeHash } from '../hash.ts';
import { rootFromInclusion } from '../tree/inclusion.ts';
import { commitHeads, headPadding, headSalt, type TenantHeads } from './commitment.ts';

/** Slots of the smallest tree of heads. The width reveals only an upper bound of the number of tenants. */
export const HEADS_WIDTH_MIN = 1_024;
/** 64 MiB of hashes. */
export const HEADS_WIDTH_MAX = 2 ** 20;

export interface PlacedHeads extends TenantHeads {
  /** Assigned at random when the tenant is created, and permanent: so a tenant and its auditor cannot be shown different slots of one tree. */
  readonly slot: number;
}

/** A tenant's part of a publication. */
export interface HeadsPath {
  readonly publication: bigint;
  readonly slot: number;
  readonly width: number;
  readonly salt: Uint8Array;
  /** Hashes from the slot's sibling up. */
  readonly path: readonly Uint8Array[];
}

/** The tree of all tenants' heads at one publication. Stores every level in memory: 64 bytes per slot. */
export interface HeadsTree {
  readonly publication: bigint;
  readonly width: number;
  readonly root: Bytes;
  /** @throws head_invalid for a tenant without a slot */
  pathOf(tenant: string): HeadsPath;
}

/** The smallest power of two with at least half of the slots free, so that a random free slot is found quickly. Never shrinks. */
export function headsWidth(tenants: number, widthBefore: number = HEADS_WIDTH_MIN): number {
  let width = Math.max(HEADS_WIDTH_MIN, widthBefore);
  while (width < 2 * tenants) width *= 2;
  requireWidth(width);
  return width;
}

/** @param secret 32 bytes; salts and padding are derived from it. @throws head_invalid, key_invalid, hash_invalid */
export function buildHeadsTree(publication: bigint, width: number, tenants: readonly PlacedHeads[], secret: Uint8Array): HeadsTree {
  requireWidth(width);
  const slots = new Map<string, number>();
  const entries = new Map<number, Bytes>();
  for (const heads of tenants) {
    requireSlot(heads.slot, width);
    if (slots.has(heads.tenant) || entries.has(heads.slot))
      throw new TransparencyError('head_invalid', `duplicate tenant or slot ${heads.slot}`);
    slots.set(heads.tenant, heads.slot);
    entries.set(heads.slot, commitHeads(heads, headSalt(secret, publication, heads.tenant)));
  }
  const leaves = Array.from({ length: width }, (_, slot) => leafHash(entries.get(slot) ?? headPadding(secret, publication, slot)));
  const levels = levelsOf(leaves);
  const pathOf = (tenant: string): HeadsPath => {
    const slot = slots.get(tenant);
    if (slot === undefined) throw new TransparencyError('head_invalid', 'this tenant has no slot');
    const path = levels.slice(0, -1).map((level, height) => level[(slot >> height) ^ 1] as Bytes);
    return { publication, slot, width, salt: headSalt(secret, publication, tenant), path };
  };
  return { publication, width, root: (levels.at(-1) as Bytes[])[0] as Bytes, pathOf };
}

/** The root computed from a tenant's heads and path. @throws head_invalid, proof_length_wrong, hash_invalid */
export function headsRootOf(heads: TenantHeads, { slot, width, salt, path }: HeadsPath): Bytes {
  requireWidth(width);
  requireSlot(slot, width);
  return rootFromInclusion(BigInt(slot), BigInt(width), leafHash(commitHeads(heads, salt)), path);
}

function levelsOf(leaves: Bytes[]): Bytes[][] {
  const levels = [leaves];
  for (let level = leaves; level.length > 1; levels.push(level)) {
    const below = level;
    level = Array.from({ length: below.length / 2 }, (_, at) => nodeHash(below[2 * at] as Bytes, below[2 * at + 1] as Bytes));
  }
  return levels;
}

export function requireWidth(width: number): void {
  const powerOfTwo = Number.isInteger(Math.log2(width));
  if (!powerOfTwo || width < HEADS_WIDTH_MIN || width > HEADS_WIDTH_MAX)
    throw new TransparencyError(
      'head_invalid',
      `invalid width ${width} of a tree of heads: expected a power of two from ${HEADS_WIDTH_MIN} to ${HEADS_WIDTH_MAX}`,
    );
}

function requireSlot(slot: number, width: number): void {
  if (!Number.isInteger(slot) || slot < 0 || slot >= width)
    throw new TransparencyError('head_invalid', `invalid slot ${slot}: expected 0 to ${width - 1}`);
}
