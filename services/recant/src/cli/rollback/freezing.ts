import type { FreezeProgressBody, OrderFreezeBody, SelectionInput } from '@recant/api';
import { freezeProgressText, scopeText } from '../../render/freeze.ts';
import { delay } from '../../terminal/delay.ts';
import { EXIT } from '../../terminal/exit.ts';
import { count, printable } from '../../terminal/output.ts';
import { progressLine } from '../../terminal/progress.ts';
import { choose, type Flow, say, stopped, throwIfStopped, title } from './flow.ts';
import { selectedAgents, selectionOfPlan } from './planning.ts';

const POLL_MS = 200;
/** Limit of one more wait that an operator asks for. */
const WAIT_AGAIN_MS = 10_000;

export type Target = Pick<OrderFreezeBody, 'scope' | 'value'>;

/** Step 1: nobody who is undone starts anything new. Planning before that makes a plan that is stale at once. */
export async function freezeTargets(flow: Flow): Promise<void> {
  title(flow, 'Freeze');
  const targets = await targetsOf(flow);
  if (!flow.given.freezes || targets.length === 0) {
    say(flow, flow.given.freezes ? 'Nothing to freeze: the selection has no agent that runs.' : 'Left out (--no-freeze).');
    return;
  }
  const ordered = await Promise.allSettled(targets.map((target) => order(flow, target)));
  const inForce = ordered.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  // Before anything else fails: who goes on has to find them.
  flow.freezes = inForce;
  for (const one of ordered) if (one.status === 'rejected') throw one.reason;
  for (const one of inForce) await untilEffective(flow, one);
}

/** What the selection names for certain; else the agents of what it selects. */
async function targetsOf(flow: Flow): Promise<readonly Target[]> {
  const { selection, given } = flow;
  if (!given.freezes || selection.runs !== undefined) return [];
  if (flow.plan !== undefined && flow.freezes.length > 0) return flow.freezes.map(targetOf);
  const named = namedIn(selection);
  if (named.length > 0 && selection.where === undefined) return named;
  say(flow, 'Looking for the agents of what is selected ...');
  const preview = await flow.client.createPlan({ selection, mode: 'skip', waitMs: 0 });
  // With instants in place of durations, so that it means the same when somebody goes on later.
  flow.selection = selectionOfPlan(preview);
  if (named.length > 0) return named;
  const agents = [...(await selectedAgents(flow.client, preview))].filter((agent) => agent !== 'recant').sort();
  if (agents.length > 0 && flow.interactive && !given.yes) {
    const question = `Freeze ${count(agents.length, 'agent')}: ${printable(agents.join(', '))}?`;
    const answer = await choose(flow, question, { y: 'freeze', n: 'do not freeze', q: 'stop' });
    if (answer === 'q') throw stopped(flow, EXIT.refused, 'Stopped: nothing was changed.');
    if (answer === 'n') return [];
  }
  return agents.map((value) => ({ scope: 'agent' as const, value }));
}

const targetOf = ({ scope, value }: Target): Target => ({ scope, ...(value === undefined ? {} : { value }) });

export function namedIn({ agents, sessions, tools }: SelectionInput): readonly Target[] {
  if (agents !== undefined) return agents.map((value) => ({ scope: 'agent', value }));
  if (sessions !== undefined) return sessions.map((value) => ({ scope: 'session', value }));
  return (tools ?? []).map((value) => ({ scope: 'tool', value }));
}

function order(flow: Flow, target: Target): Promise<FreezeProgressBody> {
  const { given, reason, selection } = flow;
  const expires = given.freezeFor === undefined ? {} : { expires: given.freezeFor };
  return flow.client.freeze({ ...target, ...expires, reason: reason ?? '', selection });
}

async function untilEffective(flow: Flow, ordered: FreezeProgressBody): Promise<void> {
  let progress = ordered;
  for (let waitMs = flow.given.waitMs; ; waitMs = WAIT_AGAIN_MS) {
    progress = await watch(flow, progress, waitMs);
    say(flow, freezeProgressText(progress, flow.session.paint, ''));
    if (isEffective(progress)) return;
    if (flow.given.acceptRunning) return say(flow, 'Going on nevertheless (--accept-running): what still starts makes the plan stale.');
    const message = `${scopeText(progress)} is not stopped everywhere`;
    if (!flow.interactive) throw stopped(flow, EXIT.refused, `${message}: end what is named above.`, ' (or pass --accept-running)');
    const answer = await choose(flow, `${message}.`, { w: 'wait', c: 'go on nevertheless', q: 'stop' });
    if (answer === 'c') return;
    if (answer === 'q') throw stopped(flow, EXIT.refused, 'Stopped: nothing was undone.');
  }
}

const isEffective = ({ effectiveAt, unleased }: FreezeProgressBody): boolean => effectiveAt !== undefined && unleased.count === 0;

async function watch(flow: Flow, ordered: FreezeProgressBody, waitMs: number): Promise<FreezeProgressBody> {
  const line = progressLine(flow.world.err);
  let progress = ordered;
  for (const end = performance.now() + waitMs; !isEffective(progress) && performance.now() < end; ) {
    line.note(`Freezing ${scopeText(progress)} ...`);
    await delay(POLL_MS, flow.world.signal);
    throwIfStopped(flow);
    progress = await flow.client.freezeProgress(progress.freeze);
  }
  line.done();
  return progress;
}
