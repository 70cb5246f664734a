import { readdir, readFile } from 'node:fs/promises';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import type { MigrationDirectory, MigrationList, SchemaEngine } from '@prisma/schema-engine-wasm';
import type pg from 'pg';

export const prismaFolder = new URL('../../../../prisma/', import.meta.url);
const migrationsFolder = new URL('migrations/', prismaFolder);

/** The part of the WebAssembly API used here; TypeScript declares it only in the DOM library. */
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: Record<string, unknown>): Promise<{ instance: { exports: Record<string, unknown> } }>;
};

/** Every table and enum is visible to the engine. */
export const noFilters = { externalTables: [], externalEnums: [] };

interface OpenEngine {
  readonly engine: SchemaEngine;
  /** The database's error for the last failed script; the engine's own error omits it. */
  scriptFailure(): unknown;
  /** Closes its connections, which the engine itself leaves open. */
  close(): Promise<void>;
}

/**
 * Prisma's schema engine in process: no native binary is downloaded or started.
 *
 * @param script runs SQL scripts. Prisma's own adapter splits them at every semicolon, even inside a function body or comment, and commits each
 *   piece; as one simple query a migration is atomic.
 */
export async function openSchemaEngine(connectionString: string, schema: string, script: pg.ClientBase): Promise<OpenEngine> {
  bindings ??= loadBindings();
  const { SchemaEngine } = await bindings;
  const factory = new PrismaPg({ connectionString });
  const connect = factory.connect.bind(factory);
  const adapters: { dispose(): Promise<void> }[] = [];
  let failure: unknown;
  factory.connect = async () => {
    const adapter = await connect();
    adapters.push(adapter);
    adapter.executeScript = async (sql) => {
      try {
        await script.query(sql);
      } catch (error) {
        failure = error;
        throw error;
      }
    };
    return adapter;
  };
  const engine = await SchemaEngine.new(
    { datamodels: [['schema.prisma', schema]] },
    () => {},
    bindMigrationAwareSqlAdapterFactory(factory),
  );
  return {
    engine,
    scriptFailure: () => failure,
    async close() {
      engine.free();
      for (const adapter of adapters) await adapter.dispose();
    },
  };
}

interface EngineBindings {
  readonly SchemaEngine: typeof SchemaEngine;
  __wbg_set_wasm(exports: Record<string, unknown>): void;
}

/** One instance per process: the generated bindings hold views of its memory. */
let bindings: Promise<EngineBindings> | undefined;

/** The package expects a bundler to link its JavaScript with its WebAssembly; this does so at run time. */
async function loadBindings(): Promise<EngineBindings> {
  // The package declares no types for this file.
  const loaded = (await import('@prisma/schema-engine-wasm/schema_engine_bg')) as unknown as EngineBindings;
  const wasm = await readFile(new URL('./schema_engine_bg.wasm', import.meta.resolve('@prisma/schema-engine-wasm')));
  const { instance } = await WebAssembly.instantiate(wasm, { './schema_engine_bg.js': loaded });
  loaded.__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as (() => void) | undefined)?.();
  return loaded;
}

export function readSchema(): Promise<string> {
  return readFile(new URL('schema.prisma', prismaFolder), 'utf8');
}

/** SQL files in `prisma/` outside the migrations. */
export function readPrismaFile(name: 'roles.sql' | 'grants.sql' | 'event-trigger.sql'): Promise<string> {
  return readFile(new URL(name, prismaFolder), 'utf8');
}

/** The migrations folder in the engine's format, ordered by name. */
export async function readMigrations(): Promise<MigrationList> {
  const entries = await readdir(migrationsFolder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const migrationDirectories = await Promise.all(names.sort().map(readMigration));
  const lock = await readFile(new URL('migration_lock.toml', migrationsFolder), 'utf8');
  return {
    baseDir: migrationsFolder.pathname,
    lockfile: { path: './migration_lock.toml', content: lock },
    shadowDbInitScript: '',
    migrationDirectories,
  };
}

async function readMigration(name: string): Promise<MigrationDirectory> {
  const value = await readFile(new URL(`${name}/migration.sql`, migrationsFolder), 'utf8');
  return { path: name, migrationFile: { path: 'migration.sql', content: { tag: 'ok', value } } };
}
