import { ConnectorError } from '@recant/connector';
import type { ClientBase } from 'pg';
import { COLUMNS_MAX } from '../effect.ts';
import { type Column, readCatalogue, type Table } from '../install/catalogue.ts';
import { LAYOUT } from '../install/tables-sql.ts';
import { partOfColumn } from '../resource.ts';

/** Columns of a captured image, by position from 1. Names are today's, where the column still exists: identity is its attribute number. */
export interface Shape {
  readonly id: number;
  readonly columns: readonly string[];
  readonly parts: readonly string[];
  /** Names that the parts had when they were recorded. */
  readonly recordedParts: readonly string[];
  readonly types: readonly string[];
  readonly derived: readonly boolean[];
  /** The column still exists. */
  readonly present: readonly boolean[];
  readonly keyPositions: readonly number[];
}

/** A captured table: its recorded side, and the catalogue's. Identifiers come from here, never from an event. */
export interface CapturedTable {
  readonly relation: number;
  readonly history: boolean;
  readonly table: Table;
  /** Names of derived columns. */
  readonly derived: ReadonlySet<string>;
  /** Columns by the names of their parts. */
  readonly byPart: ReadonlyMap<string, Column>;
}

export interface Registry {
  readonly system: string;
  table(schema: string, name: string): CapturedTable | undefined;
  relation(id: number): CapturedTable | undefined;
  /** Any shape, former ones included. */
  shape(id: number): Shape | undefined;
}

const SHAPES_SQL = `
SELECT s.id, s.parts AS "recordedParts", s.types, s.key_positions AS "keyPositions",
  (SELECT json_agg(coalesce(a.attname, s.columns[p.n]) ORDER BY p.n) FROM generate_subscripts(s.columns, 1) p(n)
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = r.relid AND a.attnum = s.attributes[p.n] AND NOT a.attisdropped) AS columns,
  (SELECT json_agg(a.attname IS NOT NULL ORDER BY p.n) FROM generate_subscripts(s.columns, 1) p(n)
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = r.relid AND a.attnum = s.attributes[p.n] AND NOT a.attisdropped) AS present,
  (SELECT json_agg(s.attributes[p.n] = ANY (r.derived) ORDER BY p.n) FROM generate_subscripts(s.columns, 1) p(n)) AS derived
FROM recant.shape s JOIN recant.relation r ON r.id = s.relation`;
const RELATIONS_SQL = `SELECT id, relid::int8, history, derived FROM recant.relation WHERE captured AND key_columns IS NOT NULL`;

interface RelationRow {
  readonly id: number;
  readonly relid: string;
  readonly history: boolean;
  readonly derived: readonly number[];
}

/** @throws ConnectorError `not_prepared` */
export async function readRegistry(client: ClientBase, system: string): Promise<Registry> {
  await checkPrepared(client, system);
  const shapes = new Map(
    (await client.query<Omit<Shape, 'parts'>>(SHAPES_SQL)).rows.map((shape) => [
      shape.id,
      { ...shape, parts: shape.columns.map(partOfColumn) },
    ]),
  );
  const relations = await client.query<RelationRow>(RELATIONS_SQL);
  const { tables } = await readCatalogue(
    client,
    COLUMNS_MAX,
    relations.rows.map(({ relid }) => Number(relid)),
  );
  const byRelid = new Map(tables.map((table) => [table.relid, table]));
  const nameOf = (schema: string, name: string) => JSON.stringify([schema, name]);
  const byName = new Map<string, CapturedTable>();
  const byId = new Map<number, CapturedTable>();
  for (const row of relations.rows) {
    const table = byRelid.get(Number(row.relid));
    if (table === undefined || table.key.length === 0) continue;
    const derived = new Set(table.columns.filter(({ attnum }) => row.derived.includes(attnum)).map(({ name }) => name));
    const byPart = new Map(table.columns.map((column) => [partOfColumn(column.name), column]));
    const captured = { relation: row.id, history: row.history, table, derived, byPart };
    byName.set(nameOf(table.schema, table.name), captured);
    byId.set(row.id, captured);
  }
  return {
    system,
    table: (schema, name) => byName.get(nameOf(schema, name)),
    relation: (id) => byId.get(id),
    shape: (id) => shapes.get(id),
  };
}

async function checkPrepared(client: ClientBase, system: string): Promise<void> {
  const there = await client.query<{ there: boolean }>(`SELECT to_regclass('recant.system') IS NOT NULL AS there`);
  const rows = there.rows[0]?.there
    ? (await client.query<{ name: string; layout: number }>('SELECT name, layout FROM recant.system')).rows
    : [];
  const [row] = rows;
  if (row === undefined) throw new ConnectorError('not_prepared', 'The database is not prepared for capture. Run preparePostgres.');
  if (row.name !== system)
    throw new ConnectorError('not_prepared', `Wrong system name: expected ${system}, the database is prepared as ${row.name}.`);
  if (row.layout !== LAYOUT)
    throw new ConnectorError('not_prepared', `Wrong capture layout: expected ${LAYOUT}, got ${row.layout}. Run preparePostgres.`);
}
