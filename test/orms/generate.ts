import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Makes the Prisma client of `schema.prisma`, in `generated`. */
export function generatePrisma(): void {
  const here = fileURLToPath(new URL('.', import.meta.url));
  const require = createRequire(import.meta.url);
  const manifest = require.resolve('prisma/package.json');
  const command = join(dirname(manifest), (require(manifest) as { bin: { prisma: string } }).bin.prisma);
  // As in prisma/generate.mjs: no engine is needed, and none is downloaded.
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, PRISMA_HIDE_UPDATE_MESSAGE: '1', CHECKPOINT_DISABLE: '1' };
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [command, 'generate', '--schema', join(here, 'schema.prisma'), '--no-hints'],
    {
      cwd: here,
      env,
      encoding: 'utf8',
    },
  );
  if (status !== 0) throw new Error(`prisma generate failed: ${stdout}${stderr}`);
}
