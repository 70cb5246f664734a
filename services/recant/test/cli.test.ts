import { randomUUID } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@recant/client';
import { filesystemSystem } from '@recant/connector-filesystem';
import { encodeEvent, eventId, formatSequence, type RecantEvent } from '@recant/events';
import { createRecant } from '@recant/sdk';
import { testDatabase, waitUntil } from '@recant/test-support';
import { decodeTlogProof, ed25519Signer, formatVerifierKey, leafHash, parseVerifierKey, verifyTlogProof } from '@recant/transparency';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ended, recant, recantHere, temporaryFolder, type Up, up } from './process.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let service: Up;
let root: string;
let agentKey: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  root = join(folder.path, 'notes');
  await mkdir(root);
  for (const name of ['a', 'b', 'c']) await writeFile(join(root, name), `${name}\n`);
  service = await up(folder.path);
  agentKey = /agents\s+(recant_\S+)/.exec(service.out)?.[1] ?? '';
  expect(await run('connect', 'filesystem', 'notes', '--root', root, '--store', join(folder.path, 'images'))).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await service?.end('SIGTERM');
  await folder.remove();
});

const run = (...args: string[]): Promise<Ended> => recantHere(join(folder.path, '.recant'), args);
const runJson = async (...args: string[]): Promise<{ code: number | null; data: never }> => {
  const { code, out, err } = await run(...args, '--json');
  expect(out, err).not.toBe('');
  return { code, data: JSON.parse(out) as never };
};

/** Each agent writes its text into its files, one attempt per file. */
async function write(agent: string, files: readonly string[], text: string): Promise<void> {
  const notes = filesystemSystem({ name: 'notes', root, store: join(folder.path, 'images') });
  const recant = createRecant({ url: service.url, apiKey: agentKey, agent, session: `of-${agent}`, systems: [notes] });
  await recant.open();
  for (const file of files) {
    await recant.action('write_file', { file }, (context) => context.on(notes).writeFile(file, text));
  }
  await recant.close();
  await notes.close();
}

const content = (file: string): Promise<string> => readFile(join(root, file), 'utf8');

test('record, list, show, plan, run, status: the whole sequence with its exit codes', async () => {
  await write('clean', ['a'], 'clean was here\n');
  const listed = await run('actions', 'list', '--agent', 'clean', '--window', '10m');
  expect(listed).toMatchObject({ code: 0, out: expect.stringMatching(/clean\s+write_file\s+succeeded\s+1/) });
  const page = (await runJson('actions', 'list', '--agent', 'clean')).data as {
    items: { action: string; agent: string; status: string }[];
  };
  expect(page.items).toMatchObject([{ agent: 'clean', status: 'succeeded' }]);
  expect((await run('actions', 'list', '--agent', 'clean', '--limit', '1')).err).toBe('');
  const shown = await run('actions', 'show', page.items[0]?.action ?? '');
  expect(shown).toMatchObject({ code: 0, out: expect.stringContaining('notes a: content') });

  const plan = (await runJson('plan', '--agent', 'clean')).data as { id: string; digest: string; body: { steps: unknown[] } };
  expect(plan.body.steps).toHaveLength(1);
  expect(await run('plan', '--show', plan.id)).toMatchObject({ code: 0, out: expect.stringContaining(`recant run ${plan.id}`) });
  expect(await run('run', plan.id)).toMatchObject({ code: 2, err: expect.stringContaining(plan.digest) });
  expect(await run('run', plan.id, '--digest', '0'.repeat(64))).toMatchObject({ code: 3 });
  const account = await run('run', plan.id, '--yes');
  expect(account, account.err).toMatchObject({
    code: 5,
    out: expect.stringMatching(/^Restored, unverified\. .*\nUnverified: 1 attempt /m),
  });
  expect(await content('a')).toBe('a\n');
  expect(await run('run', plan.id, '--yes')).toMatchObject({
    code: 3,
    out: '',
    err: expect.stringMatching(/has already run: run \S+ finished at/),
  });
  const ran = await run('plan', '--show', plan.id);
  expect(ran).toMatchObject({
    code: 0,
    out: expect.stringMatching(/Already run: started at \S+ \S+ UTC, finished at \S+ \S+ UTC\.\nNext: recant status/),
  });
  expect(ran.out).not.toContain('recant run');

  const runs = (await runJson('status')).data as { runs: { id: string }[] };
  expect(await run('status', runs.runs[0]?.id ?? '')).toMatchObject({ code: 5 });
  const status = await runJson('status', runs.runs[0]?.id ?? '', '--accept-claimed');
  expect(ran.out).toContain(`recant status ${runs.runs[0]?.id}\n`);
  expect(status).toMatchObject({
    code: 0,
    data: { state: 'finished', account: { verdict: 'restored_unverified', outcomes: { restored: 1 } } },
  });
});

test('sources lists missing events, or says that none are missing', async () => {
  await write('dense', ['a'], 'dense\n');
  const whole = await run('sources', '--totals');
  expect(whole, whole.err).toMatchObject({ code: 0, out: expect.stringMatching(/ dense +closed +\d+ +0 +0 +0 +0 +recant:/) });
  expect(whole.out).toMatch(/\n\d+ sources: 0 lost, \d+ restarted; 0 missing in 0 gaps, 0 late, 0 duplicate; 0 equivocations\n$/);
  expect(await run('sources', '--gaps')).toMatchObject({ code: 0, out: 'No gaps.\n' });
  const { data } = await runJson('sources', '--limit', '1');
  expect(data).toMatchObject({ items: [{ holes: 0, holesShown: [] }] });
});

test('a refused plan exits with 3 and names the conflicts; skip restores the rest and exits with 5', async () => {
  await write('rogue', ['b', 'c'], 'rogue\n');
  await write('honest', ['c'], 'rogue, and honest\n');
  const refused = await run('plan', '--agent', 'rogue');
  expect(refused.code).toBe(3);
  expect(refused.out).toMatch(/notes c: `content` was written later by honest \(tool write_file\) at \d{4}-/);
  expect(refused.out).toContain('--mode skip');
  const id = /Plan (\S+)/.exec(refused.out)?.[1] ?? '';
  expect(await run('run', id, '--yes')).toMatchObject({ code: 3 });
  expect(await content('b')).toBe('rogue\n');

  const skip = (await runJson('plan', '--agent', 'rogue', '--mode', 'skip')).data as { id: string };
  const account = await run('run', skip.id, '--yes', '--accept-claimed');
  expect(account).toMatchObject({
    code: 5,
    out: expect.stringMatching(/Partly restored\. 2 attempts selected: 1 restored, 1 not undone \(skipped\)/),
  });
  expect([await content('b'), await content('c')]).toEqual(['b\n', 'rogue, and honest\n']);
});

test('a plan whose record lacks something exits with 3, names it with what to do, and runs once a person accepted it by name', async () => {
  await write('holed', ['a'], 'holed\n');
  const source = `recant://holed/${randomUUID()}`;
  const event = (sequence: number, type: string, id: string, data: object) =>
    encodeEvent({
      ...{ specversion: '1.0', id, source, type: `recant.source.${type}.v1`, time: new Date().toISOString() },
      ...{ sequence: formatSequence(sequence), agent: 'holed', data },
    } as RecantEvent);
  await createClient({ url: service.url, apiKey: agentKey }).submitBatch([
    event(1, 'opened', eventId.opened(), { sdk: 'test', leaseMs: 60_000 }),
    event(3, 'heartbeat', 'heartbeat.1', { nothingOlderThan: new Date().toISOString() }),
  ]);
  const refused = await run('plan', '--agent', 'holed', '--wait', '5s');
  expect(refused).toMatchObject({ code: 3, out: expect.stringContaining('1 event of agent holed not recorded: number 2.') });
  const [name = ''] = /hole-[0-9a-f]{32}/.exec(refused.out) ?? [];
  expect(refused.out).toContain(`--accept-missing ${name}`);
  const id = /Plan (\S+)/.exec(refused.out)?.[1] ?? '';
  expect(await run('run', id, '--yes')).toMatchObject({ code: 3, err: expect.stringContaining(`missing and not accepted: ${name}`) });

  const accept = (...args: string[]) => run('plan', '--agent', 'holed', '--accept-missing', ...args);
  expect(await accept(name)).toMatchObject({ code: 2, err: expect.stringContaining('--reason') });
  expect(await accept('hole-0000000000000000', '--reason', 'x')).toMatchObject({
    code: 3,
    err: expect.stringContaining('Not missing: hole-0000000000000000'),
  });
  expect(await run('plan', '--agent', 'holed', '--wait', 'soon')).toMatchObject({ code: 2, err: expect.stringContaining('--wait') });

  const accepted = await accept(name, '--reason', 'the host is lost');
  expect(accepted, accepted.err).toMatchObject({ code: 0, out: expect.stringContaining('the host is lost') });
  const account = await run('run', /Plan (\S+)/.exec(accepted.out)?.[1] ?? '', '--yes', '--accept-claimed');
  expect(account).toMatchObject({ code: 5, out: expect.stringMatching(/^Restored, unverified\./m) });
  expect(await content('a')).not.toBe('holed\n');
});

test('invalid input exits with 2, a reason and advice, and sends no request', async () => {
  const cases: [string[], RegExp][] = [
    [['actions', 'list', '--from', '2026-01-01T00:00:00'], /zone/],
    [['actions', 'list', '--from', '1h', '--to', '2h'], /not before/],
    [['actions', 'list', '--limit', 'all'], /--limit/],
    [['actions', 'list', '--outcome', 'fail'], /Expected one of open, succeeded, failed/],
    [['actions', 'list', '--agent', 'nobody-of-this-name'], /nobody-of-this-name/],
    [['actions', 'show', '019ca945-0a00-7000-8000-000000000000'], /action/i],
    [['plan'], /Empty selection/],
    [['plan', '--agent', 'nobody-of-this-name'], /nobody-of-this-name/],
    [['plan', '--agent', 'clean', '--window', 'soon'], /--window/],
    [['plan', '--agent', 'clean', '--mode', 'anyhow'], /refuse, skip/],
    [['plan', '--agent', 'clean', '--mode', 'force'], /--reason TEXT/],
    [['plan', '--show', 'no-such-plan'], /`recant plan`/],
    [['run', 'no-such-plan', '--yes'], /`recant plan`/],
    [['run', 'no-such-plan', '--digest', '3f6c'], /all 64 characters/],
    [['approve', 'no-such-plan', '--for', '2d'], /from 1m to 24h/],
    [['status', 'no-such-run'], /`recant status`/],
    [['receipt', 'no-such-action'], /Unknown action/],
    [['export', '--out', join(folder.path, 'elsewhere', 'ledger.recant')], /does not exist/],
    [['connect', 'postgres', 'shop', '--database', 'shop'], /not a PostgreSQL address/],
    [['status', '--wait'], /need a run/],
    [['connect', 'filesystem', 'docs x', '--root', root], /Invalid system name[\s\S]*1 to 64 letters/],
    [['connect', 'filesystem', 'docs', '--root', root, '--file-bytes-max', '1e6'], /--file-bytes-max: expected a whole number/],
    [['connect', 'filesystem', 'docs', '--root', root, '--watched-entries-max', '0'], /watchedEntriesMax is not a positive whole number/],
    [['connect', 'filesystem', 'docs', '--root', root, '--exclusive', '../x', '--ignore', '/'], /exclusive: .*"\.\."[\s\S]*ignore: /],
    [['keys', 'create', '--role', 'king'], /administer/],
    [['keys', 'create', '--role', 'approve'], /only people can approve/],
    [['keys', 'create', '--agent', 'a', '--resource', 'nonsense'], /"nonsense" is not a resource pattern[\s\S]*postgres:\/\/shop\/\*/],
    [['keys', 'create', '--agent', 'a', '--expires', 'soon'], /duration from now/],
    [['keys', 'create', '--agent', 'a', '--expires', '2026-01-01T00:00:00'], /zone/],
    [['keys', 'create', '--agent', 'a', '--expires', '1999-01-01T00:00:00Z'], /ten years/],
    [['keys', 'create', '--agent', 'a', '--expires', '5000d'], /ten years/],
    [['keys', 'rotate', 'nosuchkey'], /nosuchkey/],
    [['keys', 'rotate', 'nosuchkey', '--overlap'], /argument missing/],
    [['fly'], /unknown command/],
    [['plan', '--agnt', 'clean'], /unknown option/],
    [['run'], /missing required argument/],
  ];
  for (const [args, says] of cases) {
    const refused = await run(...args);
    expect(refused.code, `${args.join(' ')}: ${refused.err}`).toBe(2);
    expect(refused.err, args.join(' ')).toMatch(says);
    expect(refused.out, args.join(' ')).toBe('');
    expect(refused.err, args.join(' ')).not.toContain('    at ');
    // The advice names commands of this program.
    expect(refused.err, args.join(' ')).not.toMatch(/POST \/v1|Authorization/);
  }
});

test('an unreachable service or an unknown key exits with 4', async () => {
  expect(await run('status', '--url', 'http://127.0.0.1:1')).toMatchObject({ code: 4, err: expect.stringContaining('does not answer') });
  expect(await run('systems', '--key', `recant_${'0'.repeat(20)}_${'A'.repeat(43)}`)).toMatchObject({
    code: 4,
    err: expect.stringContaining('RECANT_API_KEY'),
  });
  const shadowed = await recantHere(join(folder.path, '.recant'), ['keys', 'list'], undefined, undefined, {
    env: { RECANT_API_KEY: agentKey },
  });
  expect(shadowed).toMatchObject({ code: 4, err: expect.stringMatching(/credential from RECANT_API_KEY[\s\S]*cli\.json is used/) });
  expect(await run('keys', 'list', '--key', agentKey)).toMatchObject({ code: 4, err: expect.stringContaining('credential from --key') });
  expect(await run('systems', '--dir', join(folder.path, 'elsewhere'))).toMatchObject({
    code: 4,
    err: expect.stringContaining('recant up'),
  });
});

test('an empty variable counts as unset', async () => {
  const env = { RECANT_URL: '', RECANT_API_KEY: '', RECANT_TOKEN: '', RECANT_DIR: '', DATABASE_URL: '' };
  expect(await recant(folder.path, ['systems'], env)).toMatchObject({ code: 0, out: expect.stringContaining('notes') });
});

test('systems and keys are created, listed and revoked; registering a system again succeeds, another one under its name is refused', async () => {
  expect(await run('connect', 'filesystem', 'notes', '--root', root, '--store', join(folder.path, 'images'))).toMatchObject({ code: 0 });
  await mkdir(join(folder.path, 'other'), { recursive: true });
  expect(await run('connect', 'filesystem', 'notes', '--root', join(folder.path, 'other'))).toMatchObject({ code: 3 });
  expect((await runJson('systems')).data).toMatchObject([{ name: 'notes', connector: 'filesystem' }]);
  const made = (await runJson('keys', 'create', '--agent', 'writer', '--resource', 'filesystem://notes/*', '--label', 'for the writer'))
    .data as { keyId: string; apiKey: string };
  expect(await run('keys', 'list')).toMatchObject({ code: 0, out: expect.stringContaining('for the writer') });
  expect(await run('keys', 'revoke', made.apiKey)).toMatchObject({ code: 0, out: `Revoked ${made.keyId}.\n` });
  await expect(createClient({ url: service.url, apiKey: made.apiKey }).attempts({})).rejects.toMatchObject({
    status: expect.toBeOneOf([401, 403]),
  });
});

test('acts lists callers, operations, outcomes and refusals', async () => {
  const made = (await runJson('keys', 'create', '--agent', 'reporter')).data as { keyId: string; apiKey: string };
  await expect(createClient({ url: service.url, apiKey: made.apiKey }).keys()).rejects.toMatchObject({ status: 403 });
  await waitUntil(async () => (await run('acts', '--by', made.keyId)).out.includes('refused: role missing'));
  const { code, out } = await run('acts', '--window', '10m');
  expect(code).toBe(0);
  expect(out).toMatch(new RegExp(`\\(key \\S+\\) +create key +done +.*key id ${made.keyId}`));
  expect(out).toMatch(new RegExp(`key ${made.keyId} +list keys +refused: role missing, 1 time`));
  const { out: local } = await run('acts', '--by', `local:${userInfo().username}`);
  expect(local).toMatch(/local:\S+ +reset password +done +person operator, time \S+Z\n/);
  expect(out).not.toMatch(/\[[0-9a-f]{6}\]|ordered|pending|"/);
  expect(out).not.toContain(made.apiKey.slice(-30));
  expect(await run('acts', '--window', '10m', '--from', '2h')).toMatchObject({ code: 2 });
  expect(await run('acts', '--from', '2026-11-23T10:00:00')).toMatchObject({ code: 2, err: expect.stringContaining('zone') });
});

test('an expiring key is rotated: the list shows the state of both, and the old one works during the overlap', async () => {
  type Made = { keyId: string; apiKey: string; expiresAt: string };
  const made = (await runJson('keys', 'create', '--agent', 'turning', '--expires', '90d')).data as Made;
  expect(await run('keys', 'list')).toMatchObject({ out: expect.stringMatching(`${made.keyId} +active, expires in 89 d +emit`) });
  const successor = (await runJson('keys', 'rotate', made.keyId, '--overlap', '1h')).data as Made & { predecessor: string };
  expect(successor.predecessor).toBe(made.keyId);
  const { out } = await run('keys', 'list');
  expect(out).toMatch(new RegExp(`${made.keyId} +rotated, expires in [5-6]\\d m .*replaced by ${successor.keyId}`));
  expect(out).toMatch(new RegExp(`${successor.keyId} +active, expires in (89|90) d .*replaces ${made.keyId}`));
  const refusalOf = (apiKey: string) =>
    createClient({ url: service.url, apiKey })
      .submitEvent(Buffer.from('{}'))
      .catch(({ status }) => status as number);
  expect([await refusalOf(made.apiKey), await refusalOf(successor.apiKey)]).toEqual([422, 422]);
  expect(await run('keys', 'rotate', made.keyId)).toMatchObject({ code: 3, err: expect.stringContaining('successor') });
  const last = await run('keys', 'rotate', successor.keyId, '--overlap', '0');
  expect(last).toMatchObject({ code: 0, out: expect.stringMatching(/^recant_/), err: expect.stringContaining('is revoked') });
  expect(await refusalOf(successor.apiKey)).toBe(401);
  expect((await run('keys', 'list')).out).toMatch(new RegExp(`${successor.keyId} +revoked \\d{4}-`));
  for (const overlap of ['31d', '-1h', 'soon'])
    expect(await run('keys', 'rotate', made.keyId, '--overlap', overlap)).toMatchObject({
      code: 2,
      err: expect.stringContaining('30 days'),
    });
});

test('with --json stdout is one JSON document, and empty if the command fails', async () => {
  for (const command of [
    'actions list',
    'systems',
    'keys list',
    'sources',
    'frozen',
    'alarms',
    'acts',
    'status',
    'plan --window 1h --mode skip',
  ]) {
    const { out } = await run(...command.split(' '), '--json');
    expect(() => JSON.parse(out), command).not.toThrow();
  }
  for (const command of ['actions show nonsense', 'plan --agent nobody', 'status nonsense', 'keys revoke nonsense']) {
    const { code, out, err } = await run(...command.split(' '), '--json');
    expect({ command, code: code === 0, out, err: err === '' }).toEqual({ command, code: false, out: '', err: false });
  }
});

test('connect postgres prepares the database and reports captured tables, skipped tables, and every way to bypass capture', async () => {
  await using database = await testDatabase();
  const client = new pg.Client({ connectionString: database.ownerUrl });
  await client.connect();
  await client.query('CREATE TABLE goods (id integer PRIMARY KEY, price integer); CREATE TABLE notes (text text)');
  await client.end();
  const here = (env: Record<string, string>, ...args: string[]) =>
    recantHere(join(folder.path, '.recant'), args, undefined, undefined, { env });
  const owner = new URL(database.ownerUrl);
  const without = Object.assign(new URL(owner), { password: '' }).href;
  const connected = await here({ PGPASSWORD: owner.password }, 'connect', 'postgres', 'warehouse', '--database', without);
  expect(connected, connected.err).toMatchObject({ code: 0 });
  expect(connected.out).toContain('Captured: 2 tables, 1 with a key, 1 without.\nCaptured: public.goods, public.notes.');
  expect(connected.out).toMatch(/public\.notes: no primary key/);
  expect(connected.out).toMatch(/No agent login is registered/);
  expect(connected.out).not.toContain('cannot');
  expect(connected.out).not.toContain(owner.password);
  const listed = await run('systems');
  expect(listed.out).toMatch(/warehouse/);
  const wrong = await here({ RECANT_CONNECT_URL: 'postgres://me:s3cret@127.0.0.1:1/none' }, 'connect', 'postgres', 'nowhere');
  expect(wrong.code).toBe(1);
  expect(wrong.err).not.toContain('s3cret');
  const spoken = await run('connect', 'postgres', 'nowhere', '--database', 'postgres://me:s3cret@127.0.0.1:1/none');
  expect(spoken).toMatchObject({ code: 2, err: expect.stringMatching(/command line[\s\S]*PGPASSWORD/) });
  expect(spoken.err).not.toContain('s3cret');

  const file = join(folder.path, 'owner.url');
  await writeFile(file, `${database.ownerUrl}\n`);
  expect(await run('disconnect', 'unheard-of')).toMatchObject({ code: 2, err: expect.stringContaining('system_unknown') });
  const ended = await run('disconnect', 'warehouse', '--database-file', file);
  expect(ended, ended.err).toMatchObject({ code: 0, out: 'Disconnected warehouse. Removed the capture of public.goods, public.notes.\n' });
  expect((await run('systems')).out).not.toMatch(/warehouse/);
});

test('tail prints new attempts, one line each, until it is stopped', async () => {
  await write('tailed', ['a'], 'once\n');
  const stop = new AbortController();
  const tailed = recantHere(join(folder.path, '.recant'), ['actions', 'tail', '--agent', 'tailed', '--json'], stop.signal, (out) => {
    const settled = out.split('\n').filter((line) => line.includes('"succeeded"'));
    if (settled.length === 2) stop.abort();
  });
  await write('tailed', ['a'], 'again\n');
  const { code, out } = await tailed;
  expect(code).toBe(0);
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { action: string });
  expect(new Set(lines.map((line) => line.action)).size).toBe(2);
  expect(lines.at(-1)).toMatchObject({ agent: 'tailed', tool: 'write_file', status: 'succeeded' });
});

test('receipt, log and epoch: evidence in files that others can verify; an epoch is refused if nothing was restored', async () => {
  await write('witnessed', ['c'], 'on record\n');
  const page = (await runJson('actions', 'list', '--agent', 'witnessed')).data as { items: { action: string; shard: number }[] };
  const [{ action, shard }] = page.items as [{ action: string; shard: number }];
  const file = join(folder.path, 'one.tlog-proof');
  expect(await run('receipt', action, '--out', file)).toEqual({ code: 0, out: `${file}\n`, err: '' });
  const keys = await run('log', 'vkeys');
  const [vkey = ''] = keys.out.trim().split('\n');
  expect(vkey).toMatch(/^recant\.local\/[0-9a-f]{8}\+[0-9a-f]{8}\+/);
  const origin = `${vkey.split('+')[0]}/recant/${shard}/e1`;
  const bytes = await readFile(file);
  const frame = decodeTlogProof(bytes).extra as Uint8Array;
  const { checkpoint } = verifyTlogProof(bytes, leafHash(frame), { origin, logKeys: [parseVerifierKey(vkey)] });
  expect(Buffer.from(frame).toString()).toContain(action);
  expect(await run('log', 'checkpoint', String(shard))).toMatchObject({ code: 0, out: expect.stringContaining(`${origin}\n`) });
  expect(checkpoint.size).toBeGreaterThan(2n);
  expect((await stat(join(folder.path, '.recant/signing.key'))).mode & 0o777).toBe(0o600);
  // Offline, with only the file and the keys.
  const alone = (...args: string[]): Promise<Ended> => recant('/', ['verify', file, ...args], { RECANT_DIR: '/nonexistent' });
  expect(await alone('--vkey', vkey)).toMatchObject({ code: 0, out: expect.stringMatching(/^Sound\. recant\.attempt\.settled\.v1/) });
  expect(await alone()).toMatchObject({ code: 2, err: expect.stringContaining('--vkey') });
  expect(await alone('--vkey', formatVerifierKey(ed25519Signer(vkey.split('+')[0] ?? '', new Uint8Array(32)).key))).toMatchObject({
    code: 6,
  });
  bytes[60] = (bytes[60] ?? 0) === 0x41 ? 0x42 : 0x41;
  await writeFile(file, bytes);
  expect(await alone('--vkey', vkey)).toMatchObject({ code: 6, out: expect.stringMatching(/^Not sound: root_mismatch/) });
  expect(await run('receipt', action, '--attempt', '9')).toMatchObject({ code: 2 });
  expect(await run('epoch', 'open', String(shard), '--reason', 'nothing')).toMatchObject({
    code: 3,
    err: expect.stringContaining('continues'),
  });
  const made = await run('log', 'new-key', 'example.org/ledger');
  expect(made.out).toMatch(/^PRIVATE\+KEY\+example\.org\/ledger\+/);
  expect(await run('log', 'new-key', 'two words')).toMatchObject({ code: 2 });
});
