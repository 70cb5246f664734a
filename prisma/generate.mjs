// Generates the Prisma client after an install. Plain JavaScript: it runs on whatever Node ran the install.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/** The `prisma` command, or undefined where development dependencies were left out. */
function findPrisma() {
  const require = createRequire(import.meta.url);
  try {
    const manifest = require.resolve('prisma/package.json');
    return join(dirname(manifest), require(manifest).bin.prisma);
  } catch {
    return undefined;
  }
}

const prisma = findPrisma();
if (prisma === undefined) {
  console.log(
    'recant: the Prisma client was not generated, because the development dependency "prisma" is not installed. Run npm install without --omit=dev before starting a service.',
  );
} else {
  // `generate` needs no schema engine but looks for one and would download it; any existing executable satisfies it.
  const result = spawnSync(process.execPath, [prisma, 'generate', '--schema', join(here, 'schema.prisma'), '--no-hints'], {
    cwd: join(here, '..'),
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, PRISMA_HIDE_UPDATE_MESSAGE: '1', CHECKPOINT_DISABLE: '1' },
    encoding: 'utf8',
  });
  if (result.status !== 0) {
    console.error(
      `recant: the Prisma client could not be generated from prisma/schema.prisma.\n${result.stdout ?? ''}${result.stderr ?? ''}${result.error ?? ''}`,
    );
    process.exit(1);
  }
}
