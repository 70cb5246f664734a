import { createHash } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { checkpointAt, cosignedCheckpoint } from '@recant/anchors';
import type { AnchorError } from '@recant/ledger';
import { testLog } from '@recant/test-support';
import { afterEach, expect, test } from 'vitest';
import { addCheckpoint, dropFolder, spawnWitness, witnessFolder } from '../../../services/witness/test/harness.ts';

const log = testLog();
const hash = createHash('sha256').update(log.origin).digest('hex');

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});
async function serve(listener: RequestListener): Promise<string> {
  const made = createServer(listener);
  server = made;
  await new Promise<void>((done) => made.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}`;
}
const saidBy = (work: Promise<unknown>): Promise<string> =>
  work.then(
    (value) => `believed ${JSON.stringify(value)}`,
    (error: AnchorError) => `${error.code}: ${error.message}`,
  );

test('a witness publishes its last checkpoint of a log, and nothing for an unknown log', async () => {
  const dir = await witnessFolder();
  const witness = await spawnWitness({ RECANT_WITNESS_DIR: dir, RECANT_WITNESS_LOGS: log.vkey });
  try {
    expect(await cosignedCheckpoint(witness.url, log.origin)).toBeUndefined();
    expect((await addCheckpoint(witness.url, { old: 0, note: log.checkpoint(5).note })).status).toBe(200);
    const kept = await cosignedCheckpoint(`${witness.url}/`, log.origin);
    expect(kept?.name).toBe(`${witness.url}/${hash}/checkpoint`);
    // The time of its cosignature, in seconds.
    expect(kept?.savedAtMs).toBeGreaterThan(0);
    expect((kept?.savedAtMs ?? 1) % 1_000).toBe(0);
    // The cosignature follows the log's own signature.
    const note = Buffer.from(log.checkpoint(5).note).toString();
    expect(
      Buffer.from(kept?.note ?? [])
        .toString()
        .startsWith(note),
    ).toBe(true);
    expect(await checkpointAt(`${witness.url}/${hash}/checkpoint`)).toEqual(kept);
    expect(await saidBy(checkpointAt(`${witness.url}/${'0'.repeat(64)}/checkpoint`))).toMatch(/^anchor_unavailable: \S+ not found/);
  } finally {
    await witness.stop();
    await dropFolder(dir);
  }
});

test.for<[string, RequestListener, RegExp]>([
  ['a page', (_, response) => response.end('<html>please log in</html>'), /is not a checkpoint/],
  [
    'another log’s',
    (_, response) => response.end(testLog().checkpoint(3).note),
    /expected a checkpoint of .*, got test\.example\/\w+\/acme\/0\/e1/,
  ],
  ['a redirect', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), /status 302/],
  ['an error', (_, response) => response.writeHead(500).end('no'), /status 500/],
  ['too much', (_, response) => response.end('x'.repeat(2_000_000)), /at most 1000000 bytes/],
  ['silence', () => {}, /no answer within 2000 ms/],
])('%s is an error, not a missing checkpoint', async ([, listener, says]) => {
  const url = await serve(listener);
  const said = await saidBy(cosignedCheckpoint(url, log.origin, 2_000));
  expect(said).toMatch(/^anchor_unavailable: /);
  expect(said).toMatch(says);
});

test('an unreachable address is named, without a query that may be a credential', async () => {
  const url = await serve((_, response) => response.end());
  await new Promise((done) => server?.close(done));
  expect(await saidBy(checkpointAt(`${url}/a.checkpoint?signature=secret`))).toMatch(
    /^anchor_unavailable: http:\S+\/a\.checkpoint is unreachable \(connect ECONNREFUSED/,
  );
});
