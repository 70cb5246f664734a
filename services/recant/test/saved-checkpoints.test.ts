import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRecant } from '@recant/sdk';
import { newSigningKey, parseSigningKeys } from '@recant/service-ledger/wire';
import { type TestBucket, testBucket, waitUntil } from '@recant/test-support';
import { HEAD_BYTES_MAX, manifestOf } from '@recant/verifier';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { spawnWitness } from '../../witness/test/harness.ts';
import { type Ended, recantHere, temporaryFolder, type Up, up } from './process.ts';

type Folder = Awaited<ReturnType<typeof temporaryFolder>>;

let folder: Folder;
/** Another ledger of the same name and key. */
let forged: Folder;
let bucket: TestBucket;
let witness: Awaited<ReturnType<typeof spawnWitness>>;
const services: Up[] = [];
let vkey: string;

beforeAll(async () => {
  [folder, forged] = [await temporaryFolder(), await temporaryFolder()];
  const keyFile = join(folder.path, 'signing.key');
  await writeFile(keyFile, newSigningKey('test.example/kept'), { mode: 0o600 });
  vkey = parseSigningKeys(await readFile(keyFile, 'utf8'), keyFile).signers[0]?.vkey ?? '';
  bucket = await testBucket();
  witness = await spawnWitness({ RECANT_WITNESS_DIR: join(folder.path, 'witness'), RECANT_WITNESS_LOGS: vkey });
  const places = { RECANT_ANCHOR_S3_BUCKET: bucket.bucket, RECANT_WITNESSES: `${witness.url} ${witness.vkey}`, ...settings() };
  const ledger = { RECANT_SIGNING_KEY_FILE: keyFile, RECANT_SHARDS: '1' };
  await start(folder, { ...ledger, ...places }, 3);
  // Longer: no saved checkpoint covers more entries.
  await start(forged, ledger, 30);
  // The export adds an entry itself, so no checkpoint saved by then covers more entries.
  await verified('--anchor', inBucket(), '--anchor', witness.url);
  await exportAll(folder);
  await exportAll(forged);
}, 180_000);
afterAll(async () => {
  for (const service of services) await service.end('SIGTERM');
  await witness?.stop();
  for (const each of [folder, forged]) await each?.remove();
});

/** Environment for the bucket, the same for an auditor. */
function settings(over: Record<string, string> = {}): Record<string, string> {
  return {
    RECANT_ANCHOR_S3_ENDPOINT: bucket.endpoint,
    RECANT_ANCHOR_S3_REGION: bucket.region,
    RECANT_ANCHOR_S3_ACCESS_KEY_ID: bucket.accessKeyId,
    RECANT_ANCHOR_S3_SECRET_ACCESS_KEY: bucket.secretAccessKey,
    ...over,
  };
}
/** A ledger with this many attempts of one agent. */
async function start({ path }: Folder, env: Record<string, string>, actions: number): Promise<void> {
  const service = await up(path, [], env);
  services.push(service);
  const agentKey = /agents\s+(recant_\S+)/.exec(service.out)?.[1] ?? '';
  const recant = createRecant({ url: service.url, apiKey: agentKey, agent: 'clerk' });
  await recant.open();
  for (let n = 0; n < actions; n += 1) await recant.action('think', { n }, () => n);
  await recant.close();
}
/** Waits until everything that the agent did is signed. */
async function exportAll({ path }: Folder): Promise<void> {
  const out = join(path, 'all.recant');
  await waitUntil(async () => {
    await rm(out, { force: true });
    const env = { RECANT_SIGNING_KEY_FILE: join(folder.path, 'signing.key') };
    if ((await recantHere(join(path, '.recant'), ['export', '--out', out], undefined, undefined, { env })).code !== 0) return false;
    return (await readFile(out)).includes('{"agent":"clerk","data":{"reason":"closed"}');
  });
}
const inBucket = (path = '/recant/'): string => `s3://${bucket.bucket}${path}`;
const verify = (args: readonly string[], env = settings(), from = folder): Promise<Ended> =>
  recantHere(join(from.path, '.recant'), ['verify', ...args], undefined, undefined, {
    env: {
      RECANT_SIGNING_KEY_FILE: join(folder.path, 'signing.key'),
      ...env,
    },
  });
const bundle = (from = folder): string => join(from.path, 'all.recant');
/** Waits until the current entries are covered in the bucket and at the witness. */
const verified = (...args: string[]): Promise<Ended> =>
  waitUntil(async () => {
    const ended = await verify(['--vkey', vkey, '--json', ...args]);
    return ended.code === 0 ? ended : Promise.reject(new Error(`${ended.code} ${ended.err}${ended.out}`));
  });
const compared = ({ out }: Ended): number => (JSON.parse(out) as { counts: { anchors: number } }).counts.anchors;

test('a log and a whole ledger are compared with checkpoints in a bucket and of a witness, each alone and both', async () => {
  for (const what of [['--log', '0'], []]) {
    const [kept, cosigned, both] = [
      compared(await verified(...what, '--anchor', inBucket())),
      compared(await verified(...what, '--anchor', witness.url)),
      compared(await verified(...what, '--anchor', inBucket(), '--anchor', witness.url)),
    ];
    expect(kept).toBeGreaterThan(0);
    expect(cosigned).toBe(1);
    expect(both).toBeGreaterThan(kept);
  }
});

test('a bundle is compared with older checkpoints; newer ones cannot check it and are no truncation', async () => {
  expect(compared(await verified(bundle(), '--anchor', inBucket()))).toBeGreaterThan(0);
  // The witness's checkpoint covers the export's own entry by now.
  const newer = await waitUntil(async () => {
    const ended = await verify([bundle(), '--anchor', witness.url]);
    return ended.code === 0 ? undefined : ended;
  });
  expect(newer).toMatchObject({
    code: 1,
    out: expect.stringContaining('newer than this bundle'),
    err: expect.stringContaining('older checkpoints'),
  });
  expect(await verify([bundle(), '--anchor', inBucket(), '--anchor', witness.url])).toMatchObject({ code: 0 });
});

test('a ledger replaced by another one signed with its key is sound by itself, but differs from checkpoints in a bucket or of a witness', async () => {
  expect(await verify([bundle(forged), '--vkey', vkey])).toMatchObject({ code: 0 });
  for (const place of [inBucket(''), inBucket('/recant'), inBucket('/recant/test.example/'), witness.url, `${witness.url}/`]) {
    const ended = await verify([bundle(forged), '--anchor', place]);
    expect(ended, `${place} ${ended.err}`).toMatchObject({ code: 6, out: expect.stringMatching(/^Not sound: anchor_differs/) });
    expect(await verify(['--anchor', place], settings(), forged)).toMatchObject({
      code: 6,
      out: expect.stringContaining('anchor_differs'),
    });
  }
});

test('one checkpoint at its own address is enough; under another key it is rejected, of another ledger it does not count', async () => {
  const { logs } = manifestOf((await readFile(bundle())).subarray(0, HEAD_BYTES_MAX));
  const hash = createHash('sha256')
    .update(logs[0]?.origin ?? '')
    .digest('hex');
  const one = `${witness.url}/${hash}/checkpoint`;
  expect(compared(await verified('--anchor', one))).toBe(1);
  expect(await verify([bundle(forged), '--anchor', one])).toMatchObject({ code: 6 });
  const stranger = parseSigningKeys(newSigningKey('test.example/kept'), 'a test').signers[0]?.vkey ?? '';
  expect(await verify(['--vkey', stranger, '--anchor', one])).toMatchObject({ code: 6, out: expect.stringContaining('key_unknown') });
  expect(await verify([bundle(), '--anchor', inBucket('/elsewhere')])).toMatchObject({
    code: 1,
    err: expect.stringContaining('belongs to what was verified'),
  });
});

test('a receipt counts as a checkpoint saved elsewhere; a file without one is refused by name', async () => {
  const folderOf = join(folder.path, '.recant');
  const listed = await recantHere(folderOf, ['actions', 'list', '--json']);
  const { action = '' } = (JSON.parse(listed.out) as { items: { action: string }[] }).items[0] ?? {};
  const receipt = join(folder.path, 'one.tlog-proof');
  expect(await recantHere(folderOf, ['receipt', action, '--out', receipt])).toMatchObject({ code: 0 });
  expect(compared(await verified('--anchor', receipt))).toBe(1);
  expect(await verify([bundle(forged), '--anchor', receipt])).toMatchObject({
    code: 6,
    out: expect.stringMatching(/^Not sound: anchor_differs/),
  });
  expect(await verify([bundle(), '--anchor', bundle()])).toMatchObject({ code: 2, err: expect.stringContaining('is not a checkpoint') });
});

test('a place that does not answer, or not with checkpoints, is an error', async () => {
  const some = inBucket();
  const cases: readonly [string, Record<string, string>, number, RegExp][] = [
    [some, {}, 2, /needs RECANT_ANCHOR_S3_ACCESS_KEY_ID/],
    [some, settings({ RECANT_ANCHOR_S3_ENDPOINT: 'nowhere' }), 2, /RECANT_ANCHOR_S3_ENDPOINT: must be an address/],
    [some, settings({ RECANT_ANCHOR_S3_SECRET_ACCESS_KEY: 'wrong' }), 4, /403 SignatureDoesNotMatch: correct the secret access key/],
    [some, settings({ RECANT_ANCHOR_S3_ENDPOINT: 'http://127.0.0.1:1' }), 4, /is unreachable/],
    ['s3://test-not-there/recant/', settings(), 4, /404 NoSuchBucket: create the bucket/],
    ['s3://', settings(), 2, /Invalid bucket address/],
    ['s3://UPPER/x', settings(), 2, /Invalid bucket address/],
    ['http://127.0.0.1:1', settings(), 4, /is unreachable/],
    ['https://', settings(), 2, /Invalid witness address/],
    ['https://user:secret@witness.example', settings(), 2, /Invalid witness address/],
    [`${witness.url}/${'0'.repeat(64)}/checkpoint`, settings(), 4, /not found/],
    [`${witness.url}/health.checkpoint`, settings(), 4, /not found/],
    [`${witness.url}/elsewhere`, settings(), 1, /belongs to what was verified/],
  ];
  for (const [place, env, code, says] of cases) {
    const ended = await verify([bundle(), '--anchor', place], env);
    expect({ place, code: ended.code, err: ended.err }).toEqual({ place, code, err: expect.stringMatching(says) });
    expect(ended.err).not.toContain(bucket.secretAccessKey);
  }
});
