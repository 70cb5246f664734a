/**
 * npm run test:c2sp: a third-party client reads a running ledger's checkpoint and tiles over HTTP and verifies them: filippo.io/torchwood, which implements
 * C2SP signed-note, tlog-checkpoint and tlog-tiles, from the Go module proxy. Needs Go.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from '@recant/client';
import { shardOf } from '@recant/events';
import { waitUntil } from '@recant/test-support';
import { testSigner } from '../../libs/verifier/test/make-ledger.ts';
import { TestSource } from '../../services/ledger/test/producer.ts';
import { temporaryFolder, up } from '../../services/recant/test/process.ts';

/** Two full tiles, and a part of a third. */
const ATTEMPTS = 200;
/** Genesis and three events per attempt. */
const ENTRIES = 1 + 3 * ATTEMPTS;
const SHARDS = 8;
const TENANT = 'recant';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const built = await mkdtemp(join(tmpdir(), 'recant-c2sp-'));
const folder = await temporaryFolder();
const client = join(built, 'c2sp-client');
await run('go', ['build', '-o', client, '.'], HERE);
const service = await up(folder.path);
try {
  const { url, apiKey } = JSON.parse(await readFile(join(folder.path, '.recant', 'cli.json'), 'utf8')) as { url: string; apiKey: string };
  const agentKey = /agents\s+(recant_\S+)/.exec(service.out)?.[1] ?? '';
  const source = new TestSource('c2sp');
  const shard = shardOf(TENANT, source.source, SHARDS);
  for (let n = 0; n < ATTEMPTS; n += 50) {
    const attempts = Array.from({ length: 50 }, () => source.attempt(['postgres://shop/public.orders/1']).events);
    await createClient({ url, apiKey: agentKey }).submitBatch(attempts.flat());
  }
  const read = async (path: string): Promise<string> => {
    const response = await fetch(`${url}/v1/tlog/${path}`, { headers: { authorization: `Bearer ${apiKey}` } });
    return response.ok ? await response.text() : '';
  };
  await waitUntil(async () => Number((await read(`${shard}/checkpoint`)).split('\n')[1]) >= ENTRIES);
  const [origin = ''] = (await read(`${shard}/checkpoint`)).split('\n');
  const [vkey = ''] = (await read('vkeys')).split('\n');
  const args = [`${url}/v1/tlog/${shard}`, origin, vkey, String(ENTRIES)];
  await run(client, args, HERE, apiKey);
  // The client must fail with another log's origin, another ledger's key, and more entries than exist.
  await refuses(client, [args[0] as string, `${origin}0`, vkey, '1'], apiKey);
  await refuses(client, [args[0] as string, origin, testSigner().vkey, '1'], apiKey);
  await refuses(client, [args[0] as string, origin, vkey, String(ENTRIES + 1_000)], apiKey);
  process.stdout.write('a third-party C2SP client verifies this ledger, and refuses another origin, key or size\n');
} finally {
  await service.end('SIGTERM');
  await folder.remove();
  await rm(built, { recursive: true });
}

function run(command: string, args: readonly string[], cwd: string, input = ''): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['pipe', 'inherit', 'inherit'] });
    child.on('error', (cause) => reject(new Error(`cannot run ${command}: install Go 1.25 or later (${cause.message})`, { cause })));
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${command} ended with ${code}`))));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

async function refuses(command: string, args: readonly string[], key: string): Promise<void> {
  const accepted = await run(command, args, HERE, key).then(
    () => true,
    () => false,
  );
  if (accepted) throw new Error(`the client accepted ${args.join(' ')}`);
}
