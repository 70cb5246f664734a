import { TABLES, type TableModel } from './schema.ts';

/** Tables that a history is about. */
export const TABLE_KINDS = {
  'plain rows': ['item'],
  'composite key': ['line'],
  'numeric key': ['rate'],
  'citext key': ['tag'],
  'cascade into a captured table, counter': ['parent', 'child'],
  'set null on delete': ['boss', 'worker'],
  'cascade into a table without a key': ['account', 'keyless'],
  'cascade into an uncaptured table': ['doc', 'shadow'],
  'trigger writes an uncaptured table': ['audited'],
  'trigger writes a captured table': ['logged'],
  'trigger writes history': ['kept'],
  updated_at: ['stamped'],
  'trigger writes its own row': ['doubled'],
  partitions: ['event'],
  'unique column': ['named'],
  'ALTER in between': ['changing'],
} as const satisfies Record<string, readonly string[]>;
/** What happens in it beside plain writes, and tables that suit it. */
export const ACT_KINDS = {
  'key changes': ['item', 'rate', 'event', 'line'],
  'equal and blind writes': ['item', 'tag'],
  upserts: ['item', 'tag', 'line'],
  savepoints: ['item', 'parent', 'child'],
  'long and interleaved transactions': ['item', 'line', 'parent', 'child'],
  'unnamed logins': ['item', 'named'],
  'agent by role': ['item', 'rate'],
  'shared login': ['item', 'line'],
  'agent that dies': ['item', 'child'],
  'back-dated name': ['item', 'tag'],
  'prepared and idle transactions': ['item', 'named'],
  'agent that withholds': ['item', 'line'],
  'agent that forges': ['item', 'tag'],
  'key revoked midway': ['item', 'named'],
  'agent that is not believed': ['item', 'rate'],
  'mutual dependents': ['item', 'boss'],
  'agent of the SDK': ['item', 'line'],
  'transaction pooler': ['item', 'line'],
  'capture at its limit': ['item', 'named'],
} as const satisfies Record<string, readonly string[]>;
export type Kind = keyof typeof TABLE_KINDS | keyof typeof ACT_KINDS;
const KINDS: Readonly<Record<Kind, readonly string[]>> = { ...TABLE_KINDS, ...ACT_KINDS };
export const tablesOfKind = (kind: Kind): readonly string[] => KINDS[kind];
export const ALL_KINDS = Object.keys(KINDS) as Kind[];

/** Written by statements or by triggers. */
const ALWAYS = ['item', 'audit_out', 'log_in', 'kept_log'];
/** With the tables that refer to them, and those that they refer to: a statement may reach these, too. */
export function tablesOf(kinds: ReadonlySet<Kind>): readonly TableModel[] {
  const names = new Set([...ALWAYS, ...[...kinds].flatMap((kind) => KINDS[kind])]);
  const referredBy = ({ columns }: TableModel) => columns.flatMap(({ references }) => references?.table ?? []);
  const isNear = (table: TableModel) => names.has(table.name) || referredBy(table).some((name) => names.has(name));
  return TABLES.filter((table) => isNear(table) || TABLES.some((other) => isNear(other) && referredBy(other).includes(table.name)));
}
