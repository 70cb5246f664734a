import { type PlanCounts, type PlanStep, planCounter, type Selection } from '@recant/planner';
import { expect, test } from 'vitest';
import {
  type ApprovablePlan,
  type Approval,
  type ApprovalRule,
  approvalNeed,
  judgeApprovals,
  mayApprove,
  ruleProblem,
} from '../src/approval.ts';
import { parseOnePerson } from '../src/one-person.ts';

const NOW = 1_000_000;
const AT = { rowsMax: 10, nowMs: NOW, onePerson: (id: string) => id };
const step = (grade: 'attested' | 'claimed'): PlanStep => ({
  step: 1,
  undoes: { source: 's', action: 'a', attempt: 1 },
  agent: 'a',
  tool: 't',
  grade,
  systems: [],
  after: [],
});
const plan = (over: { selection?: Selection; steps?: PlanStep[] } = {}, by = 'person:ada'): ApprovablePlan => ({
  digest: 'd1',
  by,
  people: [by],
  selection: over.selection ?? { agents: ['a'] },
  counts: countsOf(over.steps ?? [step('attested')]),
});
function countsOf(steps: readonly PlanStep[]): PlanCounts {
  const counter = planCounter();
  for (const one of steps) counter.add('steps', one);
  return counter.counts();
}
const approval = (over: Partial<Approval> = {}): Approval => ({
  digest: 'd1',
  by: 'person:bob',
  approvedAtMs: NOW - 10,
  expiresAtMs: NOW + 10,
  ...over,
});
const judge = (rule: ApprovalRule, ...approvals: Approval[]) => judgeApprovals({ ...AT, rule }, plan(), { approvals }).kind;

test.each<[ApprovalRule, string | undefined, ApprovablePlan]>([
  ['never', undefined, plan({ steps: [step('claimed')], selection: { fromMs: 1 } })],
  ['critical', undefined, plan()],
  ['critical', 'claimed', plan({ steps: [step('attested'), step('claimed')] })],
  ['critical', 'window', plan({ selection: { fromMs: 1, toMs: 2, clock: 'claimed' } })],
  ['critical', undefined, plan({ selection: { fromMs: 1, tools: ['t'] } })],
  ['critical', 'window', plan({ selection: { outcomes: ['succeeded', 'failed', 'denied', 'suspended', 'open', 'unknown'] } })],
  ['critical', 'window', plan({ selection: { fromMs: 1, outcomes: ['succeeded'], resources: ['postgres://*'] } })],
  ['critical', 'window', plan({ selection: { resources: ['postgres://shop/public.orders/7', 'postgres://s*'] } })],
  ['critical', undefined, plan({ selection: { resources: ['postgres://shop/*'] } })],
  ['critical', undefined, plan({ selection: { agents: ['a'], outcomes: ['succeeded'], resources: ['postgres://*'] } })],
  ['critical', 'window', plan({ selection: { where: "not agent = 'a'" } })],
  ['critical', 'force', plan({ steps: [{ ...step('attested'), overwrites: [] }] })],
  ['critical', undefined, plan({ steps: Array.from({ length: 20 }, () => ({ ...step('attested'), cascaded: true as const })) })],
  ['critical', 'cascade', plan({ steps: Array.from({ length: 21 }, () => ({ ...step('attested'), cascaded: true as const })) })],
  ['always', 'rule', plan()],
  ['always', 'claimed', plan({ steps: [step('claimed')] })],
  ['always', 'rule', plan({ steps: [] })],
])('under %s a second person is needed because of: %s', (rule, need, one) => {
  expect(approvalNeed(rule, one, 10)).toBe(need);
});

test('an approval is valid for its digest until it expires, from a person other than the author', () => {
  expect(judge('never')).toBe('not_needed');
  expect(judge('critical')).toBe('not_needed');
  expect(judge('always')).toBe('missing');
  expect(judge('always', approval())).toBe('approved');
  expect(judge('always', approval({ approvedAtMs: NOW }))).toBe('approved');
  expect(judge('always', approval({ approvedAtMs: NOW + 1 }))).toBe('missing');
  expect(judge('always', approval({ expiresAtMs: NOW + 1 }))).toBe('approved');
  expect(judge('always', approval({ expiresAtMs: NOW }))).toBe('expired');
  expect(judge('always', approval({ digest: 'd2' }))).toBe('missing');
  expect(judge('always', approval({ by: 'person:ada' }))).toBe('missing');
  expect(judge('always', approval({ by: 'person:ada' }), approval({ expiresAtMs: NOW - 1 }))).toBe('expired');
  expect(judge('always', approval({ expiresAtMs: NOW - 1 }), approval())).toBe('approved');
});

test('a withdrawal ends all approvals before it, also those of other people, and none after it', () => {
  const withdrawn = (atMs: number, ...approvals: Approval[]) =>
    judgeApprovals({ ...AT, rule: 'always' }, plan(), {
      approvals,
      withdrawal: { digest: 'd1', by: 'person:carl', atMs },
    }).kind;
  expect(withdrawn(NOW - 10, approval())).toBe('withdrawn');
  expect(withdrawn(NOW - 11, approval())).toBe('approved');
  expect(withdrawn(NOW - 10, approval(), approval({ by: 'person:dora', approvedAtMs: NOW - 9 }))).toBe('approved');
  expect(withdrawn(NOW - 10)).toBe('missing');
  // At the time that a run started it was not withdrawn yet.
  expect(withdrawn(NOW + 1, approval())).toBe('approved');
});

test('more rows than one run may change need a second person; the rule never waives that on record', () => {
  const wide = (rows: number) => {
    const knownOrdinals = Object.fromEntries(Array.from({ length: rows }, (_, n) => [`postgres://shop/public.t/${n}`, '1']));
    return plan({ steps: [{ ...step('attested'), systems: [{ system: 'shop', knownOrdinals }] } as never, step('attested')] });
  };
  const judged = (rule: ApprovalRule, rows: number) => judgeApprovals({ ...AT, rule }, wide(rows), { approvals: [] });
  expect(judged('critical', 10)).toEqual({ kind: 'not_needed' });
  expect(judged('critical', 11)).toEqual({ kind: 'missing', need: 'size' });
  expect(judged('never', 11)).toEqual({ kind: 'not_needed', waived: 'size' });
  expect(ruleProblem('never', true)).toContain('RECANT_OIDC_ISSUER');
  expect([ruleProblem('never', false), ruleProblem('critical', true)]).toEqual([undefined, undefined]);
});

test('the author of a plan cannot approve it, by any login, nor anybody who has had the key that requested it', () => {
  const may = (people: readonly string[], by: string, same = '') => mayApprove({ people }, by, parseOnePerson(same) ?? ((id) => id));
  expect(may(['person:ada'], 'person:ada')).toBe('author');
  expect(may(['person:ada'], 'person:bob')).toBe('yes');
  expect(may(['person:ada', 'person:carl'], 'person:carl')).toBe('author');
  expect(may([], 'person:bob')).toBe('unknown');
  expect(may(['person:ada'], 'person:bob', 'ada=bob')).toBe('author');
  expect(may(['person:ada'], 'person:dora', 'ada=bob, bob=dora')).toBe('author');
  expect(may(['person:ada'], 'person:dora', 'bob=dora')).toBe('yes');
  expect(may(['person:a=b'], 'person:c,d', 'a%3Db=c%2Cd')).toBe('author');
});

test.each(['ada', 'ada=', '=ada', 'ada=%', 'ada=bob,carl'])('%j is no list of logins of one human', (text) => {
  expect(parseOnePerson(text)).toBe(undefined);
});

test('an approval by somebody who may be the author does not count, whatever the table says', () => {
  const judged = (people: readonly string[]) =>
    judgeApprovals({ ...AT, rule: 'always' }, { ...plan(), people }, { approvals: [approval()] }).kind;
  expect([judged(['person:ada']), judged(['person:ada', 'person:bob']), judged([])]).toEqual(['approved', 'missing', 'missing']);
});
