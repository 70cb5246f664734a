import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { folderAnchor } from '@recant/anchors';
import { shardOf } from '@recant/events';
import { originOf, type Signer } from '@recant/ledger';
import { type TestDatabase, testDatabase, testLedgerDatabase, waitUntil } from '@recant/test-support';
import { parseCheckpoint, parseNote } from '@recant/transparency';
import { RULES, type Rule } from '@recant/verifier';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newSigningKey, parseSigningKeys } from '../../services/ledger/src/signing-keys.ts';
import { SHARDS, startLedger, TENANT } from '../../services/ledger/test/harness.ts';
import { TestSource } from '../../services/ledger/test/producer.ts';
import { runProgram } from '../../services/recant/src/cli/program.ts';
import type { Ended } from '../../services/recant/test/process.ts';
import { type JavaVerdict, JavaVerifier } from './java.ts';
import { Superuser } from './superuser.ts';

/** `recant verify` and a folder of checkpoints must detect what a superuser with the ledger's key did. */
const LEDGER = 'example.org/ledger';
const keyFile = newSigningKey(LEDGER);
const keys = parseSigningKeys(keyFile, 'a test');
const source = new TestSource('pricing');
const place = { ledger: LEDGER, tenant: TENANT, shard: shardOf(TENANT, source.source, SHARDS), signer: keys.signers[0] as Signer };
let dir: string;
let database: TestDatabase;
let java: JavaVerifier;

beforeAll(async () => {
  java = new JavaVerifier();
  dir = await mkdtemp(join(tmpdir(), 'recant-superuser-'));
  await writeFile(join(dir, 'signing.key'), keyFile);
  database = await testLedgerDatabase();
  await mkdir(kept());
  const timing = { integrateMs: 20, publishMs: 20, anchorMs: 50, headMs: 100 };
  const ledger = await startLedger({ databaseUrl: database.url, evidence: { keys, anchors: [folderAnchor(kept())], timing } });
  // Twice, so that the first half has a checkpoint of its own.
  for (const anchored of [151n, 301n]) {
    for (let n = 0; n < 50; n += 1) await ledger.agents.submitBatch(source.attempt([`filesystem://notes/order-${n}`]).events);
    await waitUntil(async () => {
      const note = await folderAnchor(kept()).latest(originOf(LEDGER, place, 1));
      return note !== undefined && parseCheckpoint(parseNote(note).text).size === anchored;
    });
  }
  await ledger.store.projection.reach(TENANT);
  await ledger.stop();
  // Backdated, because a checkpoint saved at the time of the bundle may cover more entries.
  const before = new Date(Date.now() - 3_600_000);
  for (const name of await readdir(kept(), { recursive: true })) await utimes(join(kept(), name), before, before);
}, 120_000);
afterAll(async () => {
  await java.close();
  await database.drop();
  await rm(dir, { recursive: true });
});

const kept = (): string => join(dir, 'anchor');

/** Changes a copy of the ledger. @returns the output of `recant verify` without and with the folder of checkpoints */
async function verifyAfter(change: (superuser: Superuser) => Promise<void>): Promise<{ alone: Ended; anchored: Ended; java: JavaVerdict }> {
  await using copy = await testDatabase();
  await cloneInto(copy);
  const superuser = await Superuser.at(copy.ownerUrl, place);
  await change(superuser);
  await superuser.leave();
  const env = { DATABASE_URL: copy.ownerUrl, RECANT_SIGNING_KEY_FILE: join(dir, 'signing.key') };
  const verify = (...more: string[]) => recant(['verify', '--tenant', TENANT, ...more], env);
  const alone = await verify();
  const anchored = await verify('--anchor', kept());
  // Last, because an export adds an entry.
  const file = join(dir, `${copy.name}.recant`);
  const exported = await recant(['export', '--tenant', TENANT, '--out', file], env);
  if (exported.code !== 0) throw new Error(exported.err);
  const evidence = await java.verify(file, kept(), [place.signer.vkey]);
  return { alone, anchored, java: evidence };
}

/** Runs a command in this process. */
async function recant(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
  const texts = { out: '', err: '' };
  const into = (name: 'out' | 'err') =>
    new Writable({
      write(chunk, _encoding, done) {
        texts[name] += String(chunk);
        done();
      },
    });
  const signal = new AbortController().signal;
  const code = await runProgram(args, { out: into('out'), err: into('err'), input: process.stdin, env, nowMs: Date.now, signal });
  return { code, ...texts };
}

async function cloneInto(copy: TestDatabase): Promise<void> {
  const server = new pg.Client({ connectionString: Object.assign(new URL(copy.ownerUrl), { pathname: '/postgres' }).href });
  await server.connect();
  await server.query(`DROP DATABASE ${copy.name}`);
  // A backend outlives its connection, by seconds on a busy machine.
  await waitUntil(() => server.query(`CREATE DATABASE ${copy.name} TEMPLATE ${database.name}`));
  await server.end();
}

const named = (rule: Rule) => ({ code: 6, out: expect.stringContaining(`Not sound: ${rule} at shard ${place.shard}`) });

test('an unchanged ledger is sound and matches its saved checkpoints', async () => {
  const { alone, anchored, java: evidence } = await verifyAfter(async (superuser) => superuser.rebuild());
  expect(evidence).toMatchObject({ sound: true, counts: { entries: 301, anchors: expect.any(Number) } });
  expect(evidence.counts?.anchors).toBeGreaterThan(0);
  expect(alone, alone.err).toMatchObject({ code: 0, out: expect.stringMatching(/^Sound\./) });
  expect(anchored, anchored.err).toMatchObject({ code: 0, out: expect.stringContaining('Compared with') });
});

test.each<[string, Rule, (superuser: Superuser) => Promise<void>]>([
  [
    'edits an entry, and the row beside it',
    'anchor_differs',
    async (superuser) => {
      const index = await superuser.indexOf('attempt.settled');
      await superuser.edit(index, (body) => body.replace('"outcome":"succeeded"', '"outcome":"denied"'));
      await superuser.editRow(`UPDATE recant.settlement SET outcome = 'denied' WHERE tenant_id = $1 AND shard = $2 AND idx = $3`, index);
    },
  ],
  [
    'deletes the newest attempt, and every row of it',
    'anchor_ahead',
    async (superuser) => superuser.cutFrom((await superuser.frames()).length - 3),
  ],
  [
    'deletes an entry and puts another one in',
    'anchor_differs',
    async (superuser) => {
      await superuser.reinsert(await superuser.indexOf('attempt.effects'), (body) =>
        body.replace('"operation":"update"', '"operation":"delete"'),
      );
    },
  ],
])(
  'I12: a superuser with the ledger’s key %s and rebuilds the rest: only checkpoints stored elsewhere show it',
  async (_what, rule, change) => {
    const {
      alone,
      anchored,
      java: evidence,
    } = await verifyAfter(async (superuser) => {
      await change(superuser);
      await superuser.rebuild();
    });
    expect(alone, alone.err).toMatchObject({ code: 0, out: expect.stringContaining('a ledger replaced as a whole would look the same') });
    expect(anchored, anchored.err).toMatchObject(named(rule));
    expect(anchored.out).toContain(RULES[rule]);
    // The Java verifier reads the exported file.
    expect(evidence).toMatchObject({ sound: false, rule, shard: place.shard });
  },
);

test.each<[string, Rule, (superuser: Superuser) => Promise<void>]>([
  [
    'an edited entry',
    'checkpoint_inconsistent',
    async (superuser) => superuser.edit(4, (body) => body.replace('"agent":"pricing"', '"agent":"billing"')),
  ],
  ['removed entries', 'size_mismatch', async (superuser) => superuser.cutFrom(300)],
  [
    'an edited projection',
    'projection_differs',
    async (superuser) => {
      const index = await superuser.indexOf('attempt.intended');
      await superuser.editRow(`UPDATE recant.attempt SET tool = 'harmless' WHERE tenant_id = $1 AND shard = $2 AND idx = $3`, index);
    },
  ],
  [
    'a projection that hides an effect',
    'projection_missing',
    async (superuser) => {
      const index = await superuser.indexOf('attempt.effects');
      await superuser.editRow('DELETE FROM recant.effect WHERE tenant_id = $1 AND shard = $2 AND idx = $3', index);
    },
  ],
  [
    'read models said to be further than the log',
    'projection_missing',
    async (superuser) => superuser.editRow('UPDATE recant.projected SET size = size + 9 WHERE tenant_id = $1 AND shard = $2'),
  ],
  [
    'read models said to lack what they have',
    'projection_unexpected',
    async (superuser) => superuser.editRow('UPDATE recant.projected SET size = size - 9 WHERE tenant_id = $1 AND shard = $2'),
  ],
])('%s, without rebuilding derived data, is detected without saved checkpoints', async (_what, rule, change) => {
  const { alone } = await verifyAfter(change);
  expect(alone, alone.err).toMatchObject(named(rule));
});
