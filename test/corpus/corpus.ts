import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Client } from 'pg';

type Row = Record<string, unknown>;
export interface Db {
  query(text: string, values?: unknown[]): Promise<{ rows: Row[] }>;
}
export type ToolArguments = Record<string, unknown>;
/** Throws an error named `ToolError` where a rule of the domain forbids the call. */
type Tool = (db: Db, args: ToolArguments) => Promise<unknown>;

/** A call of a tool of the corpus, or plain SQL. */
export type Action =
  | { readonly name: string; readonly arguments: ToolArguments }
  | { readonly statements: readonly { readonly text: string; readonly values?: unknown[] }[] };
export interface Session {
  readonly session: string;
  readonly actions: readonly Action[];
}

/** All that the harness knows of a domain. */
export interface Corpus {
  readonly sessions: readonly Session[];
  /** Creates the tables and loads the starting data. */
  load(db: Client): Promise<void>;
  isWrite(action: Action): boolean;
  call(db: Db, action: Action): Promise<void>;
}

interface ToolsModule {
  readonly tools: Readonly<Record<string, Tool>>;
  readonly writes: readonly string[];
}
interface DataModule {
  loadData(folder: string): Promise<Record<string, Row[]>>;
}

/** `definition` has schema, tools and a loader where `folder` has only data and sessions. Throws where a file is missing or malformed. */
export async function readCorpus(folder: string, definition = folder): Promise<Corpus> {
  const schema = await readFile(join(definition, 'schema.sql'), 'utf8');
  const module = await importIfThere<ToolsModule>(definition, 'tools');
  const data = await readData(folder, definition);
  const lines = (await readFile(join(folder, 'sessions.ndjson'), 'utf8')).trim().split('\n');
  const sessions = lines.map((line, index): Session => {
    const { session, task, actions } = JSON.parse(line) as { session?: string; task?: string; actions: Action[] };
    return { session: session ?? (task === undefined ? `session-${index + 1}` : `task-${task}`), actions };
  });
  return {
    sessions,
    load: (db) => load(db, schema, data),
    isWrite: (action) => !('name' in action) || module?.writes.includes(action.name) === true,
    async call(db, action) {
      if ('statements' in action) {
        for (const { text, values } of action.statements) await db.query(text, values);
        return;
      }
      const tool = module?.tools[action.name];
      if (tool === undefined) throw new Error(`The corpus has no tool ${action.name}`);
      await tool(db, action.arguments);
    },
  };
}

async function importIfThere<T>(folder: string, name: string): Promise<T | undefined> {
  const file = (await readdir(folder)).find((entry) => [`${name}.ts`, `${name}.mjs`, `${name}.js`].includes(entry));
  return file === undefined ? undefined : ((await import(pathToFileURL(resolve(folder, file)).href)) as T);
}

/** Rows by table: from the definition's `data` module, else from `data/<table>.ndjson`. */
async function readData(folder: string, definition: string): Promise<Record<string, Row[]>> {
  const module = await importIfThere<DataModule>(definition, 'data');
  if (module !== undefined) return module.loadData(folder);
  const data: Record<string, Row[]> = {};
  for (const file of (await readdir(join(folder, 'data')).catch(() => [])).filter((name) => name.endsWith('.ndjson'))) {
    const lines = (await readFile(join(folder, 'data', file), 'utf8')).split('\n').filter((line) => line.trim() !== '');
    data[file.replace(/\.ndjson$/, '')] = lines.map((line) => JSON.parse(line) as Row);
  }
  return data;
}

/** Rows arrive in any order of their tables: references are not checked meanwhile. */
async function load(db: Client, schema: string, data: Record<string, Row[]>): Promise<void> {
  await db.query(schema);
  await db.query('SET session_replication_role = replica');
  for (const [table, rows] of Object.entries(data)) {
    const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].map((column) => `"${column}"`).join(', ');
    if (rows.length === 0) continue;
    await db.query(
      `INSERT INTO "${table}" (${columns}) OVERRIDING SYSTEM VALUE SELECT ${columns} FROM jsonb_populate_recordset(NULL::"${table}", $1::jsonb)`,
      [JSON.stringify(rows)],
    );
  }
  await db.query('RESET session_replication_role');
}
