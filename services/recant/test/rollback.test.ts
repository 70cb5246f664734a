import { afterAll, beforeAll, expect, test } from 'vitest';
import { differences, type Incident, setIncident } from './incident.ts';
import { type Ended, keyboard, type TypedTerminal } from './process.ts';

let incident: Incident;
beforeAll(async () => {
  incident = await setIncident(['cleanup-bot', 'support-bot', 'hasty', 'stopped', 'goes-on', 'stuck', 'raced', 'caller', 'echo']);
}, 180_000);
afterAll(() => incident?.[Symbol.asyncDispose]());

const damage = async (name: string): Promise<void> => {
  const agent = await incident.agent(name);
  await agent.sql('set_plan', `UPDATE customers SET plan = 'free', credit = 0 WHERE id BETWEEN 100 AND 109`);
  await agent.close();
};
const idIn = ({ err }: Ended): string => /--resume (\S+)/.exec(err)?.[1] ?? '';

test('the incident, from "the agent went wrong an hour ago" to a correct database and account, with one command and at most 100 keys', async () => {
  const before = await incident.state();
  const bad = await incident.agent('cleanup-bot');
  const good = await incident.agent('support-bot');
  for (let n = 1; n <= 5; n++) await bad.sql('touch', `UPDATE customers SET credit = credit WHERE id = ${n}`);
  await bad.sql('set_plan', `UPDATE customers SET plan = 'free'`);
  await bad.sql('delete_customers', 'DELETE FROM customers WHERE id > 400');
  await bad.remove('a.txt');
  await bad.remove('sub/c.txt');
  await good.sql('upgrade', `UPDATE customers SET plan = 'platinum' WHERE id = 7`);
  await incident.owner.query(`UPDATE customers SET plan = 'gold' WHERE id = 9`);
  const damaged = await incident.state();
  expect(differences(before, damaged).length).toBeGreaterThan(800);

  const command = 'recant rollback --agent cleanup-bot --since 1h';
  const keys = keyboard([
    [/Reason, .*: $/, 'no WHERE\r'],
    [/conflicts?\. .*\[r\] skip rows in conflict.* $/s, 'r'],
    [/Undo \d+ attempts\? .* $/s, 'y'],
    [/Let agent cleanup-bot start actions again\? .* $/s, 'n'],
  ]);
  const ended = await incident.run(command.split(' ').slice(1), keys.terminal);
  expect(ended.code, ended.err + ended.out).toBe(5);
  expect(keys.left()).toBe(0);
  expect(keys.typed() + command.length + 1).toBeLessThanOrEqual(100);

  // Everything is back, except for the two cells that others wrote since.
  const after = await incident.state();
  expect(differences(before, after)).toEqual(['customers/7', 'customers/9']);
  expect([after.get('customers/7'), after.get('customers/9')]).toEqual([damaged.get('customers/7'), damaged.get('customers/9')]);
  expect(ended.out).toMatch(/^Partly restored\./);
  expect(ended.out).toMatch(/Selection: +agent = 'cleanup-bot' and since /);
  expect(ended.out).toContain('Reason:      no WHERE');
  expect(ended.out).toMatch(/shop \S*customers +2 /);
  expect(ended.out).toMatch(/- \[ \] Not undone: shop customers 7: .*support-bot/);
  expect(ended.out).toMatch(/- \[ \] agent cleanup-bot is frozen: recant thaw/);
  // What happened, not what was planned; who, by name; each row in conflict.
  expect(ended.out).toContain('By table or folder:');
  expect(ended.out).toMatch(/Plan: +\S+ by operator, created by recant up \(/);
  expect(ended.out).toContain('2 rows in conflict stay as they are: shop customers 7, 9\n');
  // Before a mode was chosen, what only the system knew was a conflict, and the figures of the mode were those that came.
  const [beforeChoice = ''] = ended.err.split('[s] skip attempts');
  expect(beforeChoice).toContain('1 × drift, for one: shop customers 9');
  expect(beforeChoice).toMatch(/--mode skip --partial +9 +0 +800 +2 +0 +0\n/);
  await expect(bad.sql('set_plan', `UPDATE customers SET plan = 'free'`)).rejects.toMatchObject({ code: 'frozen' });
  await good.sql('upgrade', `UPDATE customers SET credit = 1 WHERE id = 8`);
  await bad.close();
}, 120_000);

test('without a terminal every answer is an option: nothing runs without --yes, and another machine goes on by id', async () => {
  const before = await incident.state();
  await damage('hasty');
  const asked = await incident.run(['rollback', '--agent', 'hasty', '--since', '1h', '--reason', 'loops']);
  expect(asked, asked.err).toMatchObject({ code: 3, out: '', err: expect.stringContaining('Not confirmed: nothing was undone.') });
  expect(differences(before, await incident.state())).not.toEqual([]);
  const plan = idIn(asked);
  const again = await incident.run(['rollback', '--resume', plan.slice(-8)]);
  expect(again, again.err).toMatchObject({ code: 3, err: expect.stringContaining(plan) });
  const ended = await incident.run(['rollback', '--resume', plan.slice(-8), '--yes', '--thaw', '--json']);
  expect(ended.code, ended.err).toBe(0);
  expect(JSON.parse(ended.out)).toMatchObject({
    reason: 'loops',
    freezes: [{ scope: 'agent', value: 'hasty', ended: { reason: 'loops' } }],
    plan: { id: plan, totals: { undone: { changed: 10 } } },
    run: { plan, account: { verdict: 'fully_restored' } },
    followUps: [],
  });
  expect(differences(before, await incident.state())).toEqual([]);
  // The account again, by the id of the run; nothing is asked and nothing changes.
  const { run } = JSON.parse(ended.out) as { run: { id: string } };
  const printed = await incident.run(['rollback', '--resume', run.id]);
  expect(printed).toMatchObject({ code: 0, out: expect.stringMatching(/^Fully restored\./) });
  expect(printed.out).toContain('Reason:      loops');
  expect(printed.out).toMatch(/Frozen: +agent hasty since .*: loops; ended/);
}, 120_000);

test('after Ctrl-C before a plan was made, the id of the freeze is enough: its act has the selection', async () => {
  const before = await incident.state();
  await damage('stopped');
  const stop = new AbortController();
  const agent = await incident.agent('stopped');
  const { promise: under, resolve: begun } = Promise.withResolvers<void>();
  const { promise: end, resolve: finish } = Promise.withResolvers<void>();
  const slow = agent.recant.action('slow', {}, async () => {
    begun();
    await end;
  });
  await under;
  const leaving: TypedTerminal = {
    input: keyboard([]).terminal.input,
    read: (text) => void (text.includes('Waiting for 1 running action') && stop.abort()),
  };
  const left = await incident.run(
    ['rollback', '--agent', 'stopped', '--since', '1h', '--reason', 'r', '--wait', '1m'],
    leaving,
    {},
    stop.signal,
  );
  expect(left, left.err).toMatchObject({ code: 130, out: '', err: expect.stringContaining('Go on: recant rollback --resume') });
  finish();
  await slow;
  const ended = await incident.run(['rollback', '--resume', idIn(left), '--yes', '--accept-claimed', '--mode', 'skip']);
  expect(ended.err + ended.out).toContain(`agent = 'stopped' and since`);
  expect(differences(before, await incident.state())).toEqual([]);
}, 120_000);

test('a plan that became stale at the last question is made again and asked for again', async () => {
  const before = await incident.state();
  await damage('goes-on');
  const keys = keyboard([
    [/Undo 1 attempt\? .* $/s, 'y', () => damage('goes-on')],
    [/became stale: .*Undo 2 attempts\? .* $/s, 'y'],
  ]);
  const ended = await incident.run(['rollback', '--agent', 'goes-on', '--since', '1h', '--no-freeze'], keys.terminal);
  expect(ended.code, ended.err + ended.out).toBe(0);
  expect(keys.left()).toBe(0);
  expect(differences(before, await incident.state())).toEqual([]);
}, 120_000);

test('a run that waits says for what, and goes on after one key', async () => {
  const before = await incident.state();
  await damage('stuck');
  const sql = (text: string) => () => incident.owner.query(text);
  const keys = keyboard([
    [
      /Undo 1 attempt\? .* $/s,
      'y',
      sql(`CREATE TRIGGER fail BEFORE UPDATE ON customers FOR EACH ROW WHEN (OLD.id = 104) EXECUTE FUNCTION fail()`),
    ],
    [/out of memory.*1 step of the run cannot be undone now\. .* $/s, 'r', sql('DROP TRIGGER fail ON customers')],
    [/start actions again\? .* $/s, 'y'],
  ]);
  const ended = await incident.run(['rollback', '--agent', 'stuck', '--since', '1h', '--reason', 'r', '--mode', 'skip'], keys.terminal);
  expect(ended.code, ended.err + ended.out).toBe(0);
  expect(ended.out).toMatch(/Frozen: +agent stuck since .*; ended/);
  expect(differences(before, await incident.state())).toEqual([]);
}, 120_000);

test('before a cascade and its last question it says how many attempts of whom are undone as well', async () => {
  const before = await incident.state();
  await damage('caller');
  const echo = await incident.agent('echo');
  await echo.sql('reset', 'UPDATE customers SET credit = 5 WHERE id = 101');
  await echo.close();
  const keys = keyboard([
    [/\[c\] cascade: undo 1 attempt of others as well .* $/s, 'c'],
    [/Undo 2 attempts, 1 of them by echo\? .* $/s, 'y'],
    [/start actions again\? .* $/s, 'y'],
  ]);
  const ended = await incident.run(['rollback', '--agent', 'caller', '--since', '1h', '--reason', 'r'], keys.terminal);
  expect(ended.code, ended.err + ended.out).toBe(0);
  expect(keys.left()).toBe(0);
  expect(differences(before, await incident.state())).toEqual([]);
  // What is left to do was read before the question about the thaw; what is frozen follows it.
  expect(ended.out).toMatch(/Follow-ups:[\s\S]*\nFrozen: .*; ended/);
}, 120_000);

test('two operators at once: everything is undone once, and each is told how it ended', async () => {
  const before = await incident.state();
  await damage('raced');
  const args = ['rollback', '--agent', 'raced', '--since', '1h', '--reason', 'r', '--yes'];
  const ended = await Promise.all([incident.run(args), incident.run(args)]);
  for (const { code, err, out } of ended) expect([0, 3], err + out).toContain(code);
  expect(ended.map(({ code }) => code)).toContain(0);
  expect(differences(before, await incident.state())).toEqual([]);
}, 120_000);

test('bad input is refused before anything is frozen', async () => {
  const cases: [string[], number, RegExp][] = [
    [[], 2, /Empty selection/],
    [['--agent', 'hasty'], 2, /Open window[\s\S]*--since 2h, or --all-time/],
    [['--agent', 'nobody-of-this-name', '--since', '1h', '--reason', 'r'], 2, /nobody-of-this-name/],
    // Before the reason is asked for.
    [['--agent', 'cleanup_bot', '--since', '1h'], 2, /cleanup_bot.*Did you mean "cleanup-bot"/],
    [['--agent', 'hasty', '--since', '1h'], 2, /No reason for the freeze/],
    [['--agent', 'hasty', '--since', 'soon', '--reason', 'r'], 2, /soon/],
    [['--where', `agent = 'hasty' and`, '--reason', 'r'], 2, /character/],
    [['--agent', 'hasty', '--since', '1h', '--wait', '2d', '--reason', 'r'], 2, /--wait/],
    [['--resume', 'no-such-id'], 2, /No freeze, plan or run/],
    [['--resume', '0123abcd'], 2, /No freeze, plan or run/],
  ];
  for (const [args, code, says] of cases) {
    const refused = await incident.run(['rollback', ...args]);
    expect(refused, args.join(' ') + refused.err).toMatchObject({ code, out: '' });
    expect(refused.err, args.join(' ')).toMatch(says);
  }
  const { out } = await incident.run(['frozen', '--json']);
  expect(out).not.toContain('nobody-of-this-name');
  expect(out).not.toContain('hasty');
}, 120_000);
