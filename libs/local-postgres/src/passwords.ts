import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LocalPostgresError } from './error.ts';

export interface Passwords {
  owner: string;
  service: string;
}

/** Reads `<dataDir>.passwords` (mode 0600), or creates it if there is no cluster yet. */
export async function ensurePasswords(dataDir: string): Promise<Passwords> {
  const file = `${dataDir}.passwords`;
  if (!existsSync(file)) {
    if (existsSync(join(dataDir, 'PG_VERSION'))) {
      throw new LocalPostgresError(
        'password_missing',
        `${file} is missing: restore it, or move ${dataDir} away to start with an empty database`,
      );
    }
    const fresh: Passwords = { owner: randomBytes(24).toString('base64url'), service: randomBytes(24).toString('base64url') };
    const draft = `${file}.${process.pid}`;
    await writeFile(draft, `${JSON.stringify(fresh)}\n`, { mode: 0o600, flush: true });
    // A link never overwrites: of two concurrent callers the first one's passwords win.
    await link(draft, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await rm(draft);
  }
  return JSON.parse(await readFile(file, 'utf8')) as Passwords;
}
