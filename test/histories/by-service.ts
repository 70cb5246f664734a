import type { PlanView } from '@recant/api';
import { ApiError, type WholePlan, type WholeRun, wholePlan, wholeRun } from '@recant/client';
import { waitUntil } from '@recant/test-support';
import type { Mode } from './elements.ts';
import type { Ended, Undone } from './mismatches.ts';
import type { History } from './play.ts';
import type { Service } from './service.ts';
import type { Speakers } from './speakers.ts';
import type { Target } from './target.ts';

export interface Question {
  readonly history: History;
  readonly target: Target;
  readonly service: Service;
  readonly speakers: Speakers;
  /** Before the history. */
  readonly fromMs: number;
}

/**
 * Plans and runs the undo through the API.
 * @param onPlanned called between the plan and the run
 */
export async function undoByService(
  question: Question,
  mode: Mode,
  onPlanned: () => Promise<void> = async () => undefined,
): Promise<Undone> {
  // Mode `force` wants a reason.
  const operator = mode === 'force' ? question.service.accepting : question.service.operator;
  const selection = selectionOf(question, await selectedNames(question));
  const nothing = {
    verdict: undefined,
    state: 'refused',
    attempts: new Map(),
    conflicting: new Set<string>(),
    isOpen: false,
    isLagging: false,
  };
  if (selection === undefined) return { ...nothing, code: 'plan_empty' };
  let made: PlanView;
  try {
    made = await operator.createPlan({ mode, selection });
    // A person accepts what the plan names.
    const missing = (made.body.watermark?.missing ?? []).filter(({ kind }) => kind !== 'open_attempt');
    if (mode === 'refuse' && question.history.script.withoutOpen && missing.length > 0)
      made = await question.service.accepting.createPlan({ mode, selection, accept: missing.map(({ id }) => id) });
  } catch (error) {
    return { ...nothing, code: codeOf(error) };
  }
  await onPlanned();
  const plan = await wholePlan(operator, made);
  const names = await namesOf(question);
  const nameOf = ({ action }: { readonly action: string }) => names.get(action) ?? `? ${action}`;
  const { body } = plan;
  const base = {
    conflicting: new Set(body.conflicts.map(({ ref }) => nameOf(ref))),
    isOpen: isMissing(plan, 'open_transaction'),
    isLagging: isMissing(plan, 'system'),
  };
  const left = body.left.map((one): [string, Ended] => [nameOf(one.ref), { outcome: one.reason, why: whyLeft(plan, one) }]);
  let run: WholeRun;
  try {
    const { id } = await operator.createRun(plan.id, plan.digest);
    run = await settleWaiting(question, mode, () => ended(question.service, id));
    if (run.state === 'waiting') await operator.cancelRun(id).then(() => ended(question.service, id));
  } catch (error) {
    const steps = body.steps.map(({ undoes }): [string, Ended] => [nameOf(undoes), { outcome: 'planned', why: '' }]);
    return { ...base, verdict: undefined, code: codeOf(error), state: 'refused', attempts: new Map([...left, ...steps]) };
  }
  const steps = run.stepList.map(({ undoes, outcome, state, findings }): [string, Ended] => {
    const why = findings.map(({ code, resource, part, detail }) => `${code} ${resource} ${part}: ${detail}`).join('; ');
    return [nameOf(undoes), { outcome: outcome ?? state, why }];
  });
  return { ...base, verdict: run.account.verdict, code: undefined, state: run.state, attempts: new Map([...left, ...steps]) };
}

/** Answers that are an end of the undo; others are errors of this campaign. */
const REFUSALS = ['plan_conflicts', 'plan_incomplete', 'plan_empty', 'agent_unknown'];

const isMissing = ({ body }: PlanView, wanted: 'open_transaction' | 'system'): boolean =>
  (body.watermark?.missing ?? []).some(({ kind }) => kind === wanted);

function codeOf(error: unknown): string {
  if (error instanceof ApiError && REFUSALS.includes(error.code)) return error.code;
  throw error;
}

async function ended({ operator, ended: untilEnded }: Service, id: string): Promise<WholeRun> {
  await untilEnded(id);
  return wholeRun(operator, await operator.run(id));
}

function whyLeft({ body }: WholePlan, { ref, detail }: WholePlan['body']['left'][number]): string {
  const conflicts = body.conflicts.filter((conflict) => conflict.ref.action === ref.action);
  return conflicts.map(({ kind, resource, part, detail: text }) => `${kind} ${resource} ${part}: ${text}`).join('; ') || detail;
}

/** A login's own transactions get their names from the drain: a plan of nothing waits for it. */
async function selectedNames(question: Question): Promise<ReadonlyMap<string, string>> {
  const { selection } = question.history.script;
  if (selection.by === 'attempts' && selection.attempts.some((attempt) => attempt.startsWith('login/')))
    await question.service.operator.createPlan({ selection: { actions: [question.speakers.actionOf('nothing')] } });
  return namesOf(question);
}

/** The history's name of each action: those that agents named, and those that the target made up for a login's transactions. */
async function namesOf({ history, service, speakers, target, fromMs }: Question): Promise<ReadonlyMap<string, string>> {
  const names = new Map([...history.script.says.keys()].map((attempt) => [speakers.actionOf(attempt), attempt]));
  const byXid = new Map([...history.committed, ...history.waiting].map(({ xid, transaction }) => [xid, `login/${transaction}`]));
  const { items } = await service.operator.attempts({ tool: ['transaction'], from: new Date(fromMs).toISOString() }, { limit: 100 });
  for (const { action, transaction = '' } of items) {
    const [system, place = ''] = transaction.split(' ');
    const name = byXid.get(place.split('/')[1]);
    if (system === target.system && name !== undefined && !names.has(action)) names.set(action, name);
  }
  return names;
}

function selectionOf({ history, speakers, target, fromMs }: Question, names: ReadonlyMap<string, string>) {
  const { selection } = history.script;
  switch (selection.by) {
    case 'everything':
      return { fromMs };
    case 'agents':
      return { fromMs, agents: selection.agents.map(speakers.agentOf) };
    case 'logins':
      return { fromMs, agents: selection.logins.map(() => target.logins.role) };
    case 'attempts': {
      const wanted = new Set(selection.attempts);
      const actions = [...names].filter(([, attempt]) => wanted.has(attempt)).map(([action]) => action);
      return actions.length === 0 ? undefined : { actions };
    }
  }
}

/**
 * Transactions that are open at the undo are committed once it waits for them, or after it. In mode `refuse` the run waits twice, at its rehearsal and at its
 * first write: half of the histories commit at each.
 */
async function settleWaiting<T>({ target, history }: Question, mode: Mode, undo: () => Promise<T>): Promise<T> {
  const patience = mode === 'refuse' ? history.script.seed % 2 : 0;
  const waits = new Set<string>();
  const undone = undo();
  if (history.waiting.length === 0) return undone;
  let ended = false;
  const end = () => {
    ended = true;
  };
  undone.then(end, end);
  await waitUntil(async () => {
    if (ended) return true;
    const { rows } = await target.admin.query(
      `SELECT a.xact_start::text AS since FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE NOT l.granted AND a.application_name LIKE 'recant%' AND a.datname = $1`,
      [target.system],
    );
    for (const { since } of rows) waits.add(since);
    return waits.size > patience;
  });
  await history.finish();
  return undone;
}
