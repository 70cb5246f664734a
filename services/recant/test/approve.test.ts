import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { filesystemSystem } from '@recant/connector-filesystem';
import { createRecant } from '@recant/sdk';
import { type TestProvider, testOpenIdProvider } from '@recant/test-support/openid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recantHere, type TypedTerminal, temporaryFolder, typing, type Up, up } from './process.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let service: Up;
let password: string;
let provider: TestProvider;

beforeAll(async () => {
  folder = await temporaryFolder();
  await mkdir(join(folder.path, 'notes'));
  await writeFile(join(folder.path, 'notes/a'), 'a\n');
  provider = await testOpenIdProvider();
  service = await up(folder.path, [], {
    RECANT_OIDC_ISSUER: provider.issuer,
    RECANT_OIDC_AUDIENCE: AUDIENCE,
    RECANT_OIDC_ALGORITHMS: 'RS256',
    RECANT_SAME_PERSON: 'operator=olga',
  });
  password = /password\s+(\S+)/.exec(service.out)?.[1] ?? '';
  const [root, store] = [join(folder.path, 'notes'), join(folder.path, 'images')];
  expect(await run(['connect', 'filesystem', 'notes', '--root', root, '--store', store])).toMatchObject({ code: 0 });
  const apiKey = /agents\s+(recant_\S+)/.exec(service.out)?.[1] ?? '';
  const notes = filesystemSystem({ name: 'notes', root, store });
  const recant = createRecant({ url: service.url, apiKey, agent: 'writer', systems: [notes] });
  await recant.open();
  await recant.action('write_file', {}, (context) => context.on(notes).writeFile('a', 'changed\n'));
  await recant.close();
  await notes.close();
});
afterAll(async () => {
  await service?.end('SIGTERM');
  await provider?.[Symbol.asyncDispose]();
  await folder.remove();
});

const AUDIENCE = 'urn:recant';
/** A person with the role `approve`. */
const tokenOf = (subject: string) => provider.signIn({ subject, claims: { roles: ['recant:approve'] } }, AUDIENCE);

const run = (args: string[], env: Record<string, string> = {}, terminal?: TypedTerminal) =>
  recantHere(join(folder.path, '.recant'), args, undefined, undefined, { env, ...(terminal && { terminal }) });

test('a plan that needs approval is refused until a second person approves it at the terminal', async () => {
  const planned = await run(['plan', '--agent', 'writer']);
  expect(planned).toMatchObject({
    code: 0,
    out: expect.stringContaining('Needs approval by a second person: the plan undoes effects that only the agent’s own process'),
  });
  const [, plan = '', digest = ''] = /Plan (\S+)[\s\S]*Digest (\S+)/.exec(planned.out) ?? [];
  expect(planned.out).toContain(`recant approve ${plan}`);
  const refused = await run(['run', plan, '--yes']);
  expect(refused).toMatchObject({ code: 3, err: expect.stringContaining('no approval by another person') });
  expect(refused.err).toContain('recant approve');
  const guided = await run(['rollback', '--agent', 'writer', '--since', '1h', '--reason', 'r', '--yes']);
  expect(guided, guided.err).toMatchObject({ code: 3, out: '', err: expect.stringContaining('Not approved: nothing was undone.') });
  expect(guided.err).toMatch(/Who may approve: any person with the role approve, except person:operator, who may have made this plan\./);
  expect(guided.err).toMatch(/recant approve (\S+)\n[\s\S]*Go on: recant rollback --resume \1/);
  // The refused run and the guided rollback asked for approvals of two plans.
  const { items } = JSON.parse((await run(['alarms', '--json'])).out) as { items: readonly { code: string; subject: string }[] };
  const wanted = items.filter(({ code }) => code === 'approval_wanted').map(({ subject }) => subject);
  expect(wanted).toHaveLength(2);
  expect(wanted).toContain(plan);

  expect(await run(['approve', plan])).toMatchObject({ code: 2, err: expect.stringContaining('RECANT_PASSWORD') });
  expect(await run(['approve', plan], { RECANT_PASSWORD: password })).toMatchObject({ code: 2, err: expect.stringContaining(digest) });
  expect(await run(['approve', plan, '--digest', digest], { RECANT_PASSWORD: 'guess' })).toMatchObject({ code: 4 });
  expect(await run(['approve', plan, '--digest', digest], { RECANT_TOKEN: 'no.token.here' })).toMatchObject({ code: 4 });
  expect(await run(['approve', plan, '--digest', '0'.repeat(64)], { RECANT_PASSWORD: password })).toMatchObject({ code: 3 });
  expect(await run(['approve', plan, '--for', 'ever'])).toMatchObject({ code: 2 });

  const wrong = typing([
    [/Password of operator: $/, password],
    [/to confirm: $/, 'no'],
  ]);
  expect(await run(['approve', plan], {}, wrong)).toMatchObject({ code: 3, err: expect.stringContaining('Not confirmed') });
  // The owner of the folder has its key: neither login of theirs is a second person.
  const right = typing([
    [/Password of operator: $/, password],
    [/to confirm: $/, digest.slice(0, 8)],
  ]);
  const own = await run(['approve', plan, '--for', '15m'], {}, right);
  expect(own).toMatchObject({ code: 3, err: expect.stringContaining('which person:operator had') });
  expect(own.err).toContain('write_file');
  expect(own.err + own.out).not.toContain(password);
  expect(await run(['approve', plan, '--digest', digest], { RECANT_TOKEN: await tokenOf('olga') })).toMatchObject({ code: 3 });

  const bob = { RECANT_TOKEN: await tokenOf('bob') };
  expect(await run(['approve', plan, '--withdraw'], bob)).toMatchObject({
    code: 3,
    err: expect.stringContaining('no approval that could'),
  });
  const confirming = typing([[/to confirm: $/, digest.slice(0, 8)]]);
  const approved = await run(['approve', plan, '--for', '15m', '--reason', 'looked at it'], bob, confirming);
  expect(approved, approved.err).toMatchObject({
    code: 0,
    out: expect.stringMatching(/is approved by person:bob until \d{4}-.*\(looked at it\)/),
  });
  expect(await run(['plan', '--show', plan])).toMatchObject({ out: expect.stringContaining('Approved by person:bob') });

  expect(await run(['approve', plan, '--withdraw', '--for', '15m'], bob)).toMatchObject({ code: 2 });
  expect(await run(['approve', plan, '--withdraw', '--reason', 'wrong one'], bob)).toMatchObject({ code: 0 });
  expect(await run(['plan', '--show', plan])).toMatchObject({
    out: expect.stringMatching(/Needs approval.* The approval was withdrawn by person:bob at .*\(wrong one\)/),
  });
  expect(await run(['run', plan, '--yes'])).toMatchObject({ code: 3, err: expect.stringContaining('person:bob withdrew its approval') });
  expect(await run(['approve', plan, '--digest', digest], bob)).toMatchObject({ code: 0 });
  const account = await run(['run', plan, '--yes', '--accept-claimed']);
  expect(account, account.err).toMatchObject({ code: 0, out: expect.stringContaining('Restored, unverified.') });
  expect(account.out).toContain('Approved by person:bob');
  expect(await readFile(join(folder.path, 'notes/a'), 'utf8')).toBe('a\n');
});

test('the local person cannot approve their own plan', async () => {
  const authorization = `Basic ${Buffer.from(`operator:${password}`).toString('base64')}`;
  const response = await fetch(`${service.url}/v1/plans`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ selection: { agents: ['writer'] } }),
  });
  const { id, digest, by } = (await response.json()) as { id: string; digest: string; by: string };
  expect(by).toBe('person:operator');
  expect(await run(['approve', id, '--digest', digest], { RECANT_PASSWORD: password })).toMatchObject({
    code: 3,
    err: expect.stringContaining('it was person:operator'),
  });
});
