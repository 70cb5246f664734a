import type { PlanInput, PlanView, SelectionInput } from '@recant/api';
import { ApiError, type Client, everyItem, wholePlan } from '@recant/client';
import { acceptText, unacceptedIn } from '../../render/missing.ts';
import { planText, summaryText } from '../../render/plan.ts';
import { EXIT } from '../../terminal/exit.ts';
import { count, printable } from '../../terminal/output.ts';
import { planRepeatsText } from '../plan-repeats.ts';
import { choose, type Flow, say, stopped, throwIfStopped, title } from './flow.ts';

type Options = Omit<PlanInput, 'selection' | 'window' | 'waitMs'>;
/** The record was waited for before: this is for what a busy system needs once more. */
const WAIT_MS = 5_000;
const PAGE = 500;
/** One key a mode. */
const MODES = {
  s: { mode: 'skip' },
  r: { mode: 'skip', partial: true },
  c: { mode: 'cascade' },
} as const satisfies Record<string, Options>;
const MODE_TEXTS = { s: 'skip attempts in conflict', r: 'skip rows in conflict' } as const;
/** Agents that a question names. */
const AGENTS_NAMED_MAX = 3;

/**
 * Step 4: a plan that can run as it is: nobody has to decide about conflicts or missing records any more. It may have no step.
 * @param before a plan that became stale: what was decided for it holds for the next one
 */
export async function planUntilRunnable(flow: Flow, stored: PlanView | undefined, before?: PlanView): Promise<PlanView> {
  title(flow, 'Plan');
  const decided = stored ?? before;
  let options = decided === undefined ? optionsOf(flow) : optionsOfPlan(decided, flow);
  let plan = stored !== undefined && !isChanged(flow) ? stored : await makePlan(flow, options);
  for (;;) {
    flow.plan = plan;
    throwIfStopped(flow);
    say(flow, `${summaryText(await wholePlan(flow.client, plan), flow.session.paint)}${await planRepeatsText(flow.session, plan.id)}`);
    const next = await decide(flow, plan, options);
    if (next === undefined) return plan;
    options = next;
    plan = await makePlan(flow, options);
  }
}

/** @returns the options of the next plan; undefined to go on with this one. */
async function decide(flow: Flow, plan: PlanView, options: Options): Promise<Options | undefined> {
  const { body } = plan;
  if (body.mode !== 'refuse') return undefined;
  // A mode is chosen first: what is missing of the record is named again then.
  if (plan.counts.conflicts > 0) return decideMode(flow, plan, options);
  const missing = unacceptedIn(body);
  if (missing.length === 0) return undefined;
  const message = `The record lacks ${count(missing.length, 'thing')}`;
  if (!flow.interactive)
    throw stopped(flow, EXIT.refused, `${message}: wait longer (--wait 5m), or accept each.`, ` ${acceptText(missing)}`);
  const answer = await choose(flow, `${message}.`, { w: 'wait and plan again', a: 'accept all of these by name', q: 'stop' });
  if (answer === 'q') throw stopped(flow, EXIT.refused, 'Stopped: nothing was undone.');
  if (answer === 'w') return options;
  return { ...options, accept: [...new Set([...(options.accept ?? []), ...missing.map(({ id }) => id)])] };
}

async function decideMode(flow: Flow, plan: PlanView, options: Options): Promise<Options> {
  const message = count(plan.counts.conflicts, 'conflict');
  if (!flow.interactive) throw stopped(flow, EXIT.refused, `${message}: choose a mode.`, ' --mode skip (or skip --partial, or cascade)');
  for (;;) {
    const answer = await choose(flow, `${message}.`, { ...MODE_TEXTS, c: cascadeText(plan), d: 'details', q: 'stop' });
    if (answer === 'q') throw stopped(flow, EXIT.refused, 'Stopped: nothing was undone.');
    if (answer !== 'd') return modeOf(options, MODES[answer]);
    say(flow, planText(await wholePlan(flow.client, plan), flow.session.paint));
  }
}

function cascadeText({ body: { alternatives = [] } }: PlanView): string {
  const dependents = alternatives.find(({ mode, partial }) => mode === 'cascade' && !partial)?.dependents ?? 0;
  return dependents === 0 ? 'cascade to dependents (none)' : `cascade: undo ${count(dependents, 'attempt')} of others as well`;
}

/** `Undo 3 attempts, 1 of them by support-bot?` */
async function undoQuestion(flow: Flow, { id, counts: { steps, cascaded, overwrites } }: PlanView): Promise<string> {
  const others = new Map<string, number>();
  if (cascaded > 0)
    for await (const step of everyItem((cursor) => flow.client.planSteps(id, pageAfter(cursor))))
      if (step.cascaded) others.set(step.agent, (others.get(step.agent) ?? 0) + 1);
  const [first, ...more] = [...others].sort(([, a], [, b]) => b - a).slice(0, AGENTS_NAMED_MAX);
  const named = first && [`${first[1]} of them by ${first[0]}`, ...more.map(([agent, attempts]) => `${attempts} by ${agent}`)].join(', ');
  const rest = others.size > AGENTS_NAMED_MAX ? ` and ${others.size - AGENTS_NAMED_MAX} more agents` : '';
  const lost = overwrites === 0 ? '' : `, overwriting ${count(overwrites, 'later value')} of others`;
  return printable(`Undo ${count(steps, 'attempt')}${named === undefined ? '' : `, ${named}${rest}`}${lost}?`);
}

/** Step 6: the last question. @returns the plan to run, which may be another one than before */
export async function confirmPlan(flow: Flow, confirmed: PlanView): Promise<PlanView> {
  title(flow, 'Run');
  if (flow.given.yes) return confirmed;
  const question = await undoQuestion(flow, confirmed);
  if (!flow.interactive) throw stopped(flow, EXIT.refused, `Not confirmed: nothing was undone. ${question}`, ' --yes');
  for (;;) {
    const answer = await choose(flow, question, { y: 'undo', d: 'details', q: 'stop' });
    if (answer === 'y') return confirmed;
    if (answer === 'q') throw stopped(flow, EXIT.refused, 'Stopped: nothing was undone.');
    say(flow, planText(await wholePlan(flow.client, confirmed), flow.session.paint));
  }
}

async function makePlan(flow: Flow, options: Options): Promise<PlanView> {
  const input = { selection: flow.selection, ...options, waitMs: Math.min(WAIT_MS, flow.given.waitMs) };
  try {
    return await flow.client.createPlan(input);
  } catch (error) {
    // Accepted at the last question, and recorded since.
    if (!flow.interactive || !(error instanceof ApiError) || error.code !== 'missing_unknown') throw error;
    const { accept: _accept, ...rest } = input;
    return flow.client.createPlan(rest);
  }
}

function optionsOf({ given }: Flow): Options {
  const { mode, partial, cascadeReads, accept } = given;
  return {
    ...(mode && { mode }),
    ...(partial && { partial }),
    ...(cascadeReads && { cascadeReads }),
    ...(accept && { accept: [...accept] }),
  };
}

const isChanged = (flow: Flow): boolean => Object.keys(optionsOf(flow)).length > 0;

/** What the operator passes now replaces what the stored plan was made with. */
function optionsOfPlan({ body }: PlanView, flow: Flow): Options {
  const accepted = (body.watermark?.missing ?? []).filter((one) => one.accepted).map(({ id }) => id);
  const accept = [...new Set([...accepted, ...(flow.given.accept ?? [])])];
  const before = { mode: body.mode, ...(body.partial && { partial: true }), ...(body.throughReads && { cascadeReads: true }) };
  return { ...(flow.given.mode === undefined ? before : {}), ...optionsOf(flow), ...(accept.length > 0 && { accept }) };
}

function modeOf({ accept }: Options, mode: Options): Options {
  return { ...mode, ...(accept && { accept }) };
}

/** Agents of the selected attempts of a plan. */
export async function selectedAgents(client: Client, { id }: PlanView): Promise<ReadonlySet<string>> {
  const agents = new Set<string>();
  for await (const { agent, cascaded } of everyItem((cursor) => client.planSteps(id, pageAfter(cursor)))) if (!cascaded) agents.add(agent);
  for await (const { agent } of everyItem((cursor) => client.planLeft(id, pageAfter(cursor)))) agents.add(agent);
  return agents;
}

const pageAfter = (cursor: string | undefined) => ({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });

/** The selection of a stored plan, to plan it again. */
export const selectionOfPlan = ({ body }: PlanView): SelectionInput => body.selection as SelectionInput;
