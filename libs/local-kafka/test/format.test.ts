import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { brokerProperties } from '../src/config.ts';
import { runFormat } from '../src/format.ts';
import { ensureJars } from '../src/jars.ts';
import { findJava } from '../src/java.ts';

/** 16 bytes of base64url each. */
const CLUSTER_IDS = ['-AAAAAAAAAAAAAAAAAAAAA', '--help-AAAAAAAAAAAAAAw', '-tAAAAAAAAAAAAAAAAAAAA'];

test.for(CLUSTER_IDS)('the storage tool formats a folder under the cluster id %s', { timeout: 120_000 }, async (clusterId) => {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'recant-format-')));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const users = { '-user': '--password' };
  await writeFile(join(dir, 'server.properties'), brokerProperties({ dir, brokerPort: 19_092, controllerPort: 19_093 }));
  await runFormat({ dir, java: await findJava(process.env), jars: await ensureJars(process.env), clusterId, users });
  expect(await readFile(join(dir, 'data', 'meta.properties'), 'utf8')).toContain(`cluster.id=${clusterId}\n`);
});
