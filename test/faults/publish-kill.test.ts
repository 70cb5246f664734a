import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { folderAnchor } from '@recant/anchors';
import { originOf } from '@recant/ledger';
import { createStore, withSnapshot } from '@recant/store';
import { testLedgerDatabase, waitUntil } from '@recant/test-support';
import { parseVerifierKey, verifyCheckpoint } from '@recant/transparency';
import { auditTenant } from '@recant/verifier';
import { expect, test } from 'vitest';
import { newSigningKey, parseSigningKeys } from '../../services/ledger/src/signing-keys.ts';
import { createWorkload } from '../bench/workload.ts';
import { startLedgerProcess } from './ledger-process.ts';

const SHARDS = 2;
const TENANT = 'acme';
/** Milliseconds since 1970. Part of the source names; with another value all four may have the same shard. */
const START_MS = 1_790_000_000_000;
/** Killed around the commits of tiles and checkpoints, with appends in between. A sample always runs, RECANT_FAULTS=all runs all. */
const ALL = ['before', 'after'].flatMap((when) => [1, 2, 3].map((nth) => `publishing.${when}:${nth}`));
const POINTS = process.env.RECANT_FAULTS === 'all' ? ALL : ['publishing.before:1', 'publishing.after:1', 'publishing.before:2'];

test('I3: killed around every commit of publishing, each later checkpoint extends the earlier ones, up to the last entry', {
  timeout: 180_000,
}, async () => {
  await using database = await testLedgerDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'recant-publish-'));
  const masterKey = new Uint8Array(32).fill(5);
  const masterKeyFile = join(folder, 'master.key');
  const evidence = { signingKeyFile: join(folder, 'signing.key'), anchorDir: join(folder, 'anchor') };
  const keyFile = newSigningKey('example.org');
  const { signers } = parseSigningKeys(keyFile, 'a test');
  await mkdir(evidence.anchorDir);
  await writeFile(masterKeyFile, masterKey, { mode: 0o600 });
  await writeFile(evidence.signingKeyFile, keyFile, { mode: 0o600 });
  const store = createStore({ connectionString: database.url, masterKey, shards: SHARDS });
  const { credential } = await store.credentials.create({
    tenant: TENANT,
    roles: ['emit'],
    sourcePrefix: 'recant://acme',
    agents: ['*'],
    resources: [],
  });
  const workload = createWorkload({ sources: 4, agents: 2, sourcePrefix: 'recant://acme', seed: 3, startMs: START_MS });
  const append = async (): Promise<void> => {
    const batch = Array.from({ length: 300 }, () => workload.next());
    await store.appender.append(batch.map(({ bytes }) => ({ credential, bytes, origin: 'http' })));
  };
  const start = (failpoint?: string) =>
    startLedgerProcess({
      databaseUrl: database.url,
      masterKeyFile,
      shards: SHARDS,
      evidence,
      ...(failpoint === undefined ? {} : { failpoint }),
    });
  try {
    for (const point of POINTS) {
      await append();
      await using ledger = start(point);
      expect(await ledger.exited).toEqual({ code: null, signal: 'SIGKILL' });
    }
    await append();
    await using ledger = start();
    const logs = await store.queries.logs(TENANT);
    expect(logs.length).toBe(SHARDS);
    for (const { shard, size } of logs) {
      const log = { tenant: TENANT, shard };
      const origin = originOf('example.org', log, 1);
      const policy = { origin, logKeys: signers.map(({ vkey }) => parseVerifierKey(vkey)) };
      await waitUntil(async () => (await store.published.checkpoint(log))?.size === size, { timeoutMs: 60_000 });
      await waitUntil(async () => {
        const note = await folderAnchor(evidence.anchorDir).latest(origin);
        return note !== undefined && verifyCheckpoint(note, policy).checkpoint.size === size;
      });
    }
    await ledger.stop();
    await store.projection.reach(TENANT);
    expect(await withSnapshot(store.pool, TENANT, (snapshot) => auditTenant(TENANT, snapshot))).toEqual([]);
  } finally {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
});
