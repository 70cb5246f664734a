import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../src/main.ts', import.meta.url));
/** Prints the packages of all loaded modules. */
const PRINTS_PACKAGES = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  const packages = new Set();
  registerHooks({ load(url, context, next) {
    packages.add(url.match(/node_modules.(@[^/]+.[^/]+|[^/]+)/)?.[1] ?? url.match(/(libs|services).[^/]+/)?.[0]);
    return next(url, context);
  } });
  process.on('exit', () => console.error(JSON.stringify([...packages])));
`)}`;

test('a command loads nothing that only services and places of checkpoints need: a busy machine takes seconds for that', async () => {
  const { stderr } = await promisify(execFile)(process.execPath, ['--import', PRINTS_PACKAGES, PROGRAM, 'status', '--help']);
  const packages = JSON.parse(stderr.trim()) as string[];
  expect(packages).toContain('libs/client');
  for (const heavy of ['express', 'jose', 'pino', 'pg', 'kafkajs', '@opentelemetry/api', 'libs/service', 'libs/store', 'libs/anchors'])
    expect(packages).not.toContain(heavy);
});
