import type { JsonObject } from '@recant/events';
import { hasMembers, parseJsonRecord } from './bundle/json-record.ts';
import { BrokenRule } from './rules.ts';

export interface EpochPlace {
  readonly tenant: string;
  readonly shard: number;
  readonly shards: number;
  readonly start: number;
  /** Root of the entries before it, lower-case hex. */
  readonly root: string;
}

/** The epoch that an entry of kind `epoch` opens; undefined where its body is malformed or does not match its place. */
export function readEpoch(body: Uint8Array, place: EpochPlace): number | undefined {
  const value = parse(body);
  const { previous, ...rest } = value ?? {};
  if (!hasMembers(rest, ['tenant', 'shard', 'shards', 'epoch', 'start', 'root', 'reason'])) return undefined;
  if (previous !== undefined && !hasMembers(previous, ['origin', 'size', 'root'])) return undefined;
  const { epoch, reason } = rest;
  const matches = Object.entries(place).every(([name, expected]) => rest[name] === expected);
  return matches && typeof reason === 'string' && Number.isSafeInteger(epoch) ? (epoch as number) : undefined;
}

function parse(body: Uint8Array): JsonObject | undefined {
  try {
    return parseJsonRecord(body, 'the body of an epoch entry');
  } catch (cause) {
    if (cause instanceof BrokenRule) return undefined;
    throw cause;
  }
}
