import { ConnectorError } from '@recant/connector';
import type { ClientBase } from 'pg';
import { COLUMNS_MAX } from '../effect.ts';
import { readCatalogue, type Table } from '../install/catalogue.ts';
import { LAYOUT } from '../install/schema-sql.ts';

/** Columns of a captured image, by position from 1. */
export interface Shape {
  readonly id: number;
  readonly columns: readonly string[];
  readonly parts: readonly string[];
  readonly types: readonly string[];
  readonly derived: readonly boolean[];
  readonly keyPositions: readonly number[];
}

/** A table that is captured: its recorded side, and the catalogue's. Identifiers come from here, never from an event. */
export interface CapturedTable {
  readonly relation: number;
  readonly history: boolean;
  readonly shape: Shape;
  readonly table: Table;
  /** Columns are those it was prepared with. */
  readonly current: boolean;
}

export interface Registry {
  readonly system: string;
  table(schema: string, name: string): CapturedTable | undefined;
  /** Any shape, also of former times. */
  shape(id: number): Shape | undefined;
}

const SHAPES_SQL = `SELECT s.id, s.columns, s.parts, s.types, s.derived, s.key_positions AS "keyPositions" FROM recant.shape s`;
const RELATIONS_SQL = `SELECT id, relid::int8, schema_name, table_name, history, shape FROM recant.relation WHERE shape IS NOT NULL`;

interface RelationRow {
  readonly id: number;
  readonly relid: string;
  readonly schema_name: string;
  readonly table_name: string;
  readonly history: boolean;
  readonly shape: number;
}

/** @throws ConnectorError `not_prepared` */
export async function readRegistry(client: ClientBase, system: string): Promise<Registry> {
  await checkPrepared(client, system);
  const shapes = new Map((await client.query<Shape>(SHAPES_SQL)).rows.map((shape) => [shape.id, shape]));
  const relations = await client.query<RelationRow>(RELATIONS_SQL);
  const { tables } = await readCatalogue(
    client,
    COLUMNS_MAX,
    relations.rows.map(({ relid }) => Number(relid)),
  );
  const nameOf = (schema: string, name: string) => JSON.stringify([schema, name]);
  const found = new Map(tables.map((table) => [nameOf(table.schema, table.name), table]));
  const captured = new Map<string, CapturedTable>();
  for (const row of relations.rows) {
    const name = nameOf(row.schema_name, row.table_name);
    const [table, shape] = [found.get(name), shapes.get(row.shape)];
    if (table === undefined || shape === undefined) continue;
    captured.set(name, { relation: row.id, history: row.history, shape, table, current: sameColumns(table, shape) });
  }
  return { system, table: (schema, name) => captured.get(nameOf(schema, name)), shape: (id) => shapes.get(id) };
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

function sameColumns(table: Table, shape: Shape): boolean {
  const now = table.columns.map((column) => [column.name, column.type]);
  return JSON.stringify(now) === JSON.stringify(shape.columns.map((name, index) => [name, shape.types[index]]));
}
