import type { PlanView } from '@recant/api';
import { expect, test } from 'vitest';
import { nextPageText } from '../src/cli/options.ts';
import { verdictText } from '../src/cli/verdict-text.ts';
import { actsText } from '../src/render/act.ts';
import { actionText, attemptsText, continuedText } from '../src/render/attempt.ts';
import { builtOnText } from '../src/render/built-on.ts';
import { explainText, planText } from '../src/render/plan.ts';
import { resourceText } from '../src/render/resource.ts';
import { runText, summaryOfRun } from '../src/render/run.ts';
import { printable } from '../src/terminal/output.ts';
import { table, tableRow } from '../src/terminal/table.ts';

const plain = (_style: unknown, text: string): string => text;
const ref = (action: string) => ({ source: 'recant://a/1', action, attempt: 1 });
// UUIDv7 of 2026-03-01T12:00:00Z and a minute later.
const NOON = '019ca945-0a00-7000-8000-000000000000';
const LATER = '019ca945-f460-7000-8000-000000000000';

test('an act is one line: who with a name, what, outcome, why, on what', () => {
  const item = (data: object) => ({ receivedAt: '2026-03-01T12:00:00.000Z', event: { type: 'recant.act.recorded.v1', data } }) as never;
  const ada = { id: 'person:ada', name: 'Ada' };
  const repeated = { count: 7, first: '2026-03-01T12:00:00.000Z', last: '2026-03-01T12:00:00.000Z' };
  const items = [
    item({
      actor: { id: 'recant' },
      operation: 'finishRun',
      object: { run: 'r1' },
      outcome: 'done',
      detail: { verdict: 'fully_restored' },
    }),
    item({ actor: ada, operation: 'createPlan', object: { plan: 'p1' }, selection: { agents: ['bot'] }, reason: 'INC-7', outcome: 'done' }),
    item({ actor: { id: 'abc', name: 'ops' }, operation: 'revokeKey', object: { keyId: 'k1' }, outcome: 'pending' }),
    item({ actor: { id: 'abc' }, operation: '*', object: {}, outcome: 'refused', code: 'role_missing', repeated }),
    item({ operation: 'listKeys', object: {}, outcome: 'refused', code: 'unauthenticated', repeated: { ...repeated, count: 1 } }),
  ];
  const lines = actsText({ items }, plain)
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.replace('2026-03-01 12:00:00 UTC', '').replace(/ +/g, ' ').trim());
  expect(lines).toEqual([
    'recant finish run done run r1, verdict fully_restored',
    'Ada (person:ada) create plan done INC-7 plan p1, selection (agents bot)',
    'ops (key abc) revoke key pending key id k1',
    'key abc several operations refused: role missing, 7 times',
    'unknown caller list keys refused: unauthenticated, 1 time',
  ]);
});

test('a verification accounts for every entry', () => {
  const counts = { logs: 6, entries: 148, events: 141, deadLetters: 1, checkpoints: 1, anchors: 0 };
  const verdict = {
    sound: true as const,
    counts,
    warnings: [],
    warningCounts: {},
    keys: [],
    keysGiven: false,
    anchorsUnused: [],
    anchorsNewer: [],
  };
  const shown = (query: object) => verdictText({ ...verdict, made: '2026-12-01T12:00:00.000Z', query }, plain);
  expect([{}, { shard: 3 }, { shard: 3, from: '70' }].map((query) => shown(query).split('\n')[1])).toEqual([
    'Made 2026-12-01T12:00:00.000Z, of all logs of the tenant.',
    'Made 2026-12-01T12:00:00.000Z, of log 3.',
    'Made 2026-12-01T12:00:00.000Z, of log 3 from entry 70.',
  ]);
  expect(verdictText(verdict, plain).split('\n')[0]).toBe(
    'Sound. 6 logs, 148 entries: 141 events (acts included), 1 dead letter, 6 genesis entries of logs and epochs; 1 checkpoint.',
  );
});

test('a long run shows steps that were not restored first, and counts what it leaves out', () => {
  const steps = Array.from({ length: 60 }, (_, n) => ({
    ...{ step: n + 1, state: 'ended', outcome: n === 58 ? 'conflicted' : 'restored', agent: 'bot', tool: 'write' },
    findings: n === 58 ? [{ resource: 'filesystem://notes/a.txt', part: 'content', detail: 'somebody changed it since' }] : [],
  }));
  const mail = { ref: ref(NOON), agent: 'bot', tool: 'send_mail' };
  const left = [
    { ...mail, reason: 'irreversible', detail: '' },
    ...Array.from({ length: 43 }, (_, n) => ({
      ...mail,
      ref: ref(LATER.replace(/00$/, `${n + 10}`)),
      reason: 'already_undone',
      detail: '',
    })),
  ];
  const conflicts = [{ ...mail, kind: 'irreversible', detail: 'Its tool was declared irreversible.' }];
  const account = { selected: 104, outcomes: {}, left: {}, open: 0, residue: [], tainted: 0, verdict: 'partly_restored', unverified: {} };
  const run = { id: 'r', plan: 'p', state: 'finished', approvals: [], tainted: [], waits: [], stepList: steps, left, conflicts, account };
  const lines = runText(run as never, plain).split('\n');
  expect(lines.filter((line) => /^\d+ +bot/.test(line))).toHaveLength(40);
  expect(lines.find((line) => line.startsWith('59 '))).toContain('notes a.txt `content`: somebody changed it since');
  expect(lines.filter((line) => line.includes('more'))).toEqual([
    '  ... and 20 more steps (--json shows all)',
    '  ... and 3 more (--json shows all)',
  ]);
  expect(lines.filter((line) => line.includes('irreversible'))).toEqual([
    "  bot's send_mail (2026-03-01 12:00:00 UTC): Its tool was declared irreversible",
  ]);
});

test('an account that counts an attempt as restored and as not undone says so', () => {
  const account = (over: object) => ({
    ...{ selected: 3, outcomes: { restored: 2 }, left: { skipped: 1 }, open: 0, verdict: 'partly_restored', unverified: {}, ...over },
  });
  const text = (over: object) => summaryOfRun({ state: 'finished', account: account(over) } as never, plain);
  expect(text({})).toBe('Partly restored. 3 attempts selected: 2 restored, 1 not undone (skipped).');
  expect(text({ selected: 2, rowsStay: 1 })).toBe(
    'Partly restored. 2 attempts selected: 2 restored, 1 not undone (skipped), 1 row in conflict left alone; 1 of these counts twice: undone in part.',
  );
  // A dependent of others is no selected attempt.
  expect(text({ selected: 3, outcomes: { restored: 3 }, cascaded: 1 })).not.toContain('twice');
});

/** Of a plan without a step and with one conflict that stops it. */
const COUNTS = { steps: 0, left: 1, conflicts: 1, stopping: 1, cascaded: 0, overwriting: 0, overwrites: 0 };

type Totals = PlanView['body']['totals'];
const rows = (created: number, deleted: number, changed: number) => ({ created, deleted, changed });
const totals = (over: Partial<Totals> = {}): Totals => ({
  ...{ undone: rows(0, 0, 0), stays: rows(0, 0, 0), compensated: 0, scopes: [], scopesMore: 0, tools: [], toolsMore: 0, ...over },
});

test('explain starts with what stays damaged, which 60 harmless tables do not hide, and compares the modes', () => {
  const scopes = [
    { scope: 'postgres://shop/public.customers/', undone: rows(0, 0, 0), stays: rows(0, 2, 498) },
    ...Array.from({ length: 60 }, (_, n) => ({ scope: `postgres://shop/public.t${n}/`, undone: rows(0, 0, 9), stays: rows(0, 0, 0) })),
  ];
  const by = { ref: ref(LATER), agent: 'person', tool: 'transaction' };
  const conflict = {
    kind: 'later_write',
    ref: ref(NOON),
    agent: 'bot',
    tool: 'wipe',
    resource: 'postgres://shop/public.customers/7',
    by,
    detail: '',
  };
  const body = {
    ...{
      mode: 'refuse',
      steps: [],
      overwrites: [],
      left: [],
      ambiguous: [],
      tainted: [],
      conflicts: [conflict, { ...conflict, part: 'tier' }],
    },
    totals: totals({
      undone: rows(0, 0, 540),
      stays: rows(0, 2, 498),
      compensated: 3,
      scopes,
      tools: [{ agent: 'bot', tool: 'wipe', undone: 0, left: 1 }],
    }),
    alternatives: [
      { mode: 'skip', partial: false, undone: 60, left: 2, dependents: 0, rows: 1_000, rowsStay: 40 },
      { mode: 'skip', partial: true, undone: 61, left: 1, dependents: 0, rows: 1_038, rowsStay: 2 },
      ...[false, true].map((partial) => ({ mode: 'cascade', partial, undone: 62, left: 0, dependents: 1, rows: 1_040, rowsStay: 0 })),
      { mode: 'force', undone: 62, left: 0, dependents: 0, forced: 2, overwrites: 3, rows: 1_040, rowsStay: 0 },
    ],
  };
  const explained = (alternatives: readonly object[]): string[] =>
    explainText(
      {
        id: 'p',
        digest: 'd',
        selected: '',
        counts: COUNTS,
        body: { ...body, alternatives },
        approval: { state: 'not_needed', given: [] },
      } as never,
      plain,
    ).split('\n');
  const text = explainText(
    { id: 'p', digest: 'd', selected: "agent = 'bot'", counts: COUNTS, body, approval: { state: 'not_needed', given: [] } } as never,
    plain,
  );
  const lines = text.split('\n');
  // The table does not contradict the modes below it: as it is, a refused plan does nothing.
  expect(lines[2]).toMatch(/^with --mode skip /);
  expect(text).toContain('As it is, this plan does nothing. With --mode skip goes back: 540 rows and files.');
  expect(lines[3]).toMatch(/^shop customers +500 +0 +0 +0/);
  expect(text).toContain('Stays: 500 rows and files (2 deleted, 498 changed), damaged unless somebody has changed or mended them since.');
  expect(text).toContain('Only compensated, with a residue: 3.');
  expect(text).toContain('... and 41 more tables and folders');
  expect(text).toMatch(/2 × later write by person \(tool transaction\), for one: shop customers 7/);
  expect(lines.find((line) => line.includes('refuse (this plan)'))).toMatch(/ 0 +1 +0 +1040 +0 +0$/);
  expect(lines.find((line) => line.includes('--mode skip --partial'))).toMatch(/ 61 +1 +1038 +2 +0 +0$/);
  expect(lines.filter((line) => line.includes('--mode cascade'))).toHaveLength(1);
  expect(lines.find((line) => line.includes('--mode force'))).toMatch(/ 62 +0 +1040 +0 +0 +3$/);
  expect(text).not.toContain('estimate');
  // Where the systems were not asked, nothing looks like a fact.
  const guessed = explained(body.alternatives.map((one) => ({ ...one, estimated: true })));
  expect(guessed.find((line) => line.includes('--mode force'))).toMatch(/^--mode force \(estimate\) .*unknown$/);
  expect(guessed.find((line) => line.startsWith('estimate: by the ledger alone.'))).toContain('a plan in that mode asks the systems');
});

test('a plan lists an attempt that is not undone once, and equal ones in one line', () => {
  const attempt = { agent: 'bot', tool: 'look', reason: 'no_effect', detail: 'It changed nothing that was recorded.' };
  const mail = { ref: ref(NOON), agent: 'bot', tool: 'send_mail' };
  const body = {
    ...{ mode: 'refuse', steps: [], overwrites: [], ambiguous: [], tainted: [], totals: totals() },
    left: [
      { ...attempt, ref: ref('1') },
      { ...mail, reason: 'irreversible', detail: 'Its tool was declared irreversible.' },
      { ...attempt, ref: ref('2') },
    ],
    conflicts: [{ ...mail, kind: 'irreversible', detail: 'Its tool was declared irreversible.' }],
  };
  const lines = planText(
    { id: 'p', digest: 'd', selected: "agent = 'bot'", counts: COUNTS, body, approval: { state: 'not_needed', given: [] } } as never,
    plain,
  ).split('\n');
  expect(lines[1]).toBe("Selected: agent = 'bot'");
  expect(lines.slice(3, 7)).toEqual([
    'Conflicts:',
    "  bot's send_mail (2026-03-01 12:00:00 UTC): Its tool was declared irreversible",
    'Not undone:',
    '  bot look: no effect (It changed nothing that was recorded), 2 attempts',
  ]);
});

test('a list says which attempts are undone, and a cursor is printed only where no larger page would do', () => {
  const at = '2026-03-01T12:00:00.000Z';
  const attempt = { receivedAt: at, agent: 'bot', tool: 'wipe', status: 'succeeded', effects: 1, action: NOON, attempt: 1 };
  const [whole, part] = [
    { run: 'r1', at },
    { run: 'r2', at, part: true },
  ];
  const lines = attemptsText([attempt, { ...attempt, undone: whole }, { ...attempt, undone: part }] as never, plain).split('\n');
  expect(lines.slice(1, 4).map((line) => /(succeeded.*?) {2}/.exec(line)?.[1])).toEqual([
    'succeeded',
    'succeeded, undone',
    'succeeded, undone in part',
  ]);
  expect(nextPageText('long', {})).toBe('More results: --limit 200, or --cursor with the "next" of --json\n');
  expect(nextPageText('long', { limit: '500' })).toBe('More results: --cursor long\n');
  expect(nextPageText(undefined, {})).toBe('');
});

test('a plan names tables that were not captured: new, left out for a time, or dropped', () => {
  const at = '2026-03-01T12:00:00.000Z';
  const of = { system: 'shop', logins: ['bot', 'cat'], from: at };
  const uncaptured = [
    { ...of, table: 'public.new' },
    { ...of, table: 'public.late', to: at },
    { ...of, table: 'public.gone', dropped: true },
  ];
  const body = {
    ...{ mode: 'refuse', steps: [], overwrites: [], ambiguous: [], tainted: [], left: [], conflicts: [], totals: totals() },
    uncaptured,
  };
  const text = planText(
    { id: 'p', digest: 'd', selected: '', counts: COUNTS, body, approval: { state: 'not_needed', given: [] } } as never,
    plain,
  );
  expect(text).toContain(`  shop: public.new, new after ${at}, writable by bot, cat\n`);
  expect(text).toContain(`  shop: public.late, between ${at} and ${at}, writable by bot, cat\n`);
  expect(text).toContain(`  shop: public.gone, dropped after ${at}, by a login that could do so: bot, cat\n`);
});

test('explain groups the attempts that may have built on what is undone, and has at most twenty groups', () => {
  const row = (n: number) => `postgres://shop/public.orders/${n}`;
  const of = (agent: string, n: number, wrote?: true) => ({
    ...{ ref: ref(String(n)), agent, tool: 'use', resource: row(n), parts: ['price'], ...(wrote && { wrote }) },
  });
  const some = [of('reader', 1), of('reader', 2), of('writer\u001b', 3, true)];
  const lines = builtOnText([...some, { ...of('reader', 1), resource: row(9) }] as never, plain).split('\n');
  expect(lines).toEqual([
    'May have built on what is undone: at least 3 other attempts, which stay:',
    `  reader (tool use): 2 attempts read 3 rows and files, for one ${resourceText(row(1))}`,
    `  writer\ufffd (tool use): 1 attempt changed later 1 row or file, for one ${resourceText(row(3))}`,
  ]);
  const many = Array.from({ length: 30 }, (_, n) => of(`agent-${n}`, n));
  expect(builtOnText(many as never, plain).split('\n')).toHaveLength(22);
  expect(builtOnText([], plain)).toBe('');
});

test('in a narrow terminal ids are shortened, except those that the next command takes', () => {
  const uuid = '019ca945-0a00-7000-8000-000000abcdef';
  const rows = [[uuid, `recant://recant/plan/${uuid} (restarted)`, 'replaced by 3f6c0a9be1d24c7788aa']];
  const [asIs = '', wide = '', narrow = ''] = [undefined, 160, 100].map(
    (columns) =>
      table(
        ['run', 'source', ''],
        rows,
        Object.assign((_: unknown, text: string) => text, { columns }),
      ).split('\n')[1],
  );
  expect(asIs.length).toBeGreaterThan(100);
  expect(wide).toBe(asIs);
  expect(narrow).toBe(`${uuid}  recant://recant/plan/…abcdef (restarted)  replaced by …7788aa`);
});

test('no control character from an agent reaches the terminal', () => {
  expect(printable('a\u001b[2Jb\u202ec\rd\u009be')).toBe('a\ufffd[2Jb\ufffdc\ufffdd\ufffde');
  expect(table(['tool'], [['x\u001b]0;y']], plain)).not.toContain('\u001b');
  expect(printable('k\nFully restored.\u2028Next:\tx\u200f')).toBe('k\ufffdFully restored.\ufffdNext:\ufffdx\ufffd');
  expect(table(['tool'], [['x\nFully restored.']], plain).split('\n')).toHaveLength(2);
});

test('at 80 columns ids are whole on a line of their own, and long names are cut', () => {
  const row = ['2026-03-01 12:00:00 UTC', 'pricing-bot', `reconcile_${'x'.repeat(60)}`, 'succeeded', 3, NOON];
  const narrow = Object.assign((_: unknown, text: string) => text, { columns: 80 });
  for (const text of [table(['received', 'agent', 'tool', 'outcome', 'effects', 'action'], [row], narrow), tableRow(row, narrow)]) {
    const lines = text.split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(lines.at(-1)).toBe(`  ${NOON}`);
    expect(lines.at(-2)).toMatch(/reconcile_x+… +succeeded +3$/);
  }
});

test('an action shows what the target recorded, with login, transaction, what the agent reported otherwise and what cannot be undone', () => {
  const at = '2026-03-01T12:00:00.000Z';
  const effect = {
    resource: 'postgres://shop/public.orders/1',
    operation: 'update',
    ordinal: '1',
    parts: { price: { before: null, after: null } },
  };
  const counted = [{ table: 'public.log', changes: 2, unknown: true }];
  const data = { system: 'shop', login: 'bot', transaction: '1/42', chunk: 0, chunks: 2, effects: [effect], counted };
  const recorded = { shard: 0, index: 7, receivedAt: at, key: 'k1', event: { type: 'recant.attempt.observed.v1', time: at, data } };
  const attempt = {
    ...{ source: 'recant://recant/drain/shop', action: NOON, attempt: 1, agent: 'pricing', tool: 'transaction', status: 'succeeded' },
    ...{
      complete: false,
      reversibility: 'reversible',
      effects: 1,
      observed: 1,
      intendedAt: at,
      receivedAt: at,
      key: 'k1',
      shard: 0,
      index: 7,
    },
    ...{ login: 'bot', transaction: 'shop 1/42', events: [recorded] },
    discrepancies: { compared: true, count: 3, shown: [{ kind: 'invented', resource: effect.resource, ordinal: '9' }] },
  };
  const other = { ...attempt, attempt: 2, events: [], discrepancies: { compared: false, count: 0, shown: [] } };
  expect(actionText({ action: NOON, attempts: [other] } as never, plain)).toContain('too many effects to compare');
  expect(
    continuedText({ action: NOON, attempts: [attempt, other] } as never, plain)
      .split('\n')
      .slice(0, 2),
  ).toEqual([
    `pricing transaction  action ${NOON}, attempt 1, continued`,
    `  [0/7] recant.attempt.observed.v1 ${at}  recorded by shop: login bot, transaction 1/42, part 1 of 2`,
  ]);
  const text = actionText({ action: NOON, attempts: [attempt] } as never, plain);
  expect(text.split('\n')[1]).toBe('  succeeded, reversible, 1 effect recorded by the target (incomplete), key k1');
  const partly = { ...attempt, effects: 3 };
  expect(actionText({ action: NOON, attempts: [partly] } as never, plain)).toContain('3 effects, 1 recorded by the target (incomplete)');
  expect(text.split('\n').slice(3)).toEqual([
    '  source recant://recant/drain/shop',
    '  login bot, transaction shop 1/42',
    '  3 discrepancies: the agent reported effects otherwise than the target recorded them; the target counts',
    `    invented: ${resourceText(effect.resource)}, ordinal 9`,
    '    ... and 2 more',
    `  [0/7] recant.attempt.observed.v1 ${at}  recorded by shop: login bot, transaction 1/42, part 1 of 2`,
    `    update ${resourceText(effect.resource)}: price`,
    '    2 changes of public.log without images, cannot be undone',
    '',
  ]);
});
