import { canonicalize, isTime, type JsonObject, SHARDS_MAX } from '@recant/events';
import { originOf } from '@recant/ledger';
import { BrokenRule } from '../rules.ts';
import { hasMembers, parseJsonRecord } from './json-record.ts';

/** One log of a bundle: its entries from `from` to `size`, `size` excluded. */
export interface BundleLog {
  readonly shard: number;
  readonly shards: number;
  /** The log's epoch at its end. */
  readonly epoch: number;
  readonly origin: string;
  readonly from: bigint;
  readonly size: bigint;
}

/** The export request: all logs, one log, or one log from an entry on. */
export interface BundleQuery {
  readonly shard?: number;
  /** Decimal; with `shard` only. */
  readonly from?: string;
}

export interface Manifest {
  readonly ledger: string;
  readonly tenant: string;
  /** RFC 3339, UTC, milliseconds. */
  readonly made: string;
  readonly query: BundleQuery;
  readonly logs: readonly BundleLog[];
}

const DECIMAL = /^(0|[1-9][0-9]{0,18})$/;
const SIZE_MAX = 2n ** 63n - 1n;

export function encodeManifest({ ledger, tenant, made, query, logs }: Manifest): Buffer {
  const listed = logs.map(({ shard, shards, epoch, origin, from, size }) => {
    return { shard, shards, epoch, origin, from: String(from), size: String(size) };
  });
  return Buffer.from(canonicalize({ ledger, tenant, made, query: { ...query }, logs: listed }));
}

/** @throws BrokenRule `format`, `shards_differ` */
export function parseManifest(bytes: Uint8Array): Manifest {
  const value = parseJsonRecord(bytes, 'the manifest');
  if (!hasMembers(value, ['ledger', 'tenant', 'made', 'query', 'logs'])) throw bad('members differ from those of the format');
  const { ledger, tenant, made, query, logs } = value;
  if (typeof ledger !== 'string' || ledger === '' || typeof tenant !== 'string' || tenant === '') throw bad('lacks a ledger or tenant');
  if (!isTime(made as string) || typeof query !== 'object' || query === null || Array.isArray(query))
    throw bad('lacks a valid `made` or `query`');
  if (!Array.isArray(logs) || logs.length > SHARDS_MAX) throw bad(`lacks a list of at most ${SHARDS_MAX} logs`);
  const parsed = logs.map((log) => parseLog(log, ledger, tenant));
  if (parsed.some(({ shard }, n) => n > 0 && shard <= (parsed[n - 1]?.shard ?? 0))) throw bad('does not list its logs ascending by shard');
  const asked = parseQuery(query as JsonObject);
  const from = BigInt(asked.from ?? 0);
  const isWhole = asked.shard === undefined || (parsed.length === 1 && parsed[0]?.shard === asked.shard);
  if (!isWhole || parsed.some((log) => log.from !== from)) throw bad('does not list exactly the logs of its query');
  requireSameShards(parsed);
  return { ledger, tenant, made: made as string, query: asked, logs: parsed };
}

/** The number of shards is one for a tenant. @throws BrokenRule `shards_differ` */
export function requireSameShards(logs: readonly { readonly shard: number; readonly shards: number }[]): void {
  const first = logs[0]?.shards;
  const other = logs.find(({ shards }) => shards !== first);
  if (other !== undefined)
    throw new BrokenRule('shards_differ', `expected ${first} shards as in the first log, got ${other.shards}`, other.shard);
}

function parseQuery(query: JsonObject): BundleQuery {
  const { shard, from } = query;
  const members = shard === undefined ? [] : from === undefined ? ['shard'] : ['from', 'shard'];
  if (!hasMembers(query, members)) throw bad('has a query other than a shard and a first entry of it');
  if (shard === undefined) return {};
  if (!isCount(shard, 0, SHARDS_MAX - 1) || (from !== undefined && !isSize(from))) throw bad('has a query with an invalid shard or `from`');
  return { shard, ...(from === undefined ? {} : { from: from as string }) };
}

function parseLog(value: unknown, ledger: string, tenant: string): BundleLog {
  if (!hasMembers(value, ['shard', 'shards', 'epoch', 'origin', 'from', 'size']))
    throw bad('has a log whose members differ from those of the format');
  const { shard, shards, epoch, origin, from, size } = value as Record<string, unknown>;
  if (!isCount(shards, 1, SHARDS_MAX) || !isCount(shard, 0, shards - 1) || !isCount(epoch, 1, 2 ** 31 - 1))
    throw bad('has a log with an invalid shard, shards or epoch');
  const log = { shard, shards, epoch, origin: origin as string, from: parseSize(from), size: parseSize(size) };
  if (log.from > log.size) throw bad('has a log with `from` over `size`');
  if (origin !== originOf(ledger, { tenant, shard }, epoch)) throw bad('has a log whose origin does not match its shard and epoch');
  return log;
}

function isCount(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}

function parseSize(value: unknown): bigint {
  if (!isSize(value)) throw bad('has a log with an invalid `from` or `size`');
  return BigInt(value);
}

function isSize(value: unknown): value is string {
  return typeof value === 'string' && DECIMAL.test(value) && BigInt(value) <= SIZE_MAX;
}

function bad(what: string): BrokenRule {
  return new BrokenRule('format', `the manifest ${what}`);
}
