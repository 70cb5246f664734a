import {
  type ActionAttempt,
  ApiFault,
  type AttemptBody,
  listActs,
  listAttempts,
  PAGE_ITEMS_DEFAULT,
  parseWindow,
  type RecordedEventBody,
  showAction,
} from '@recant/api';
import type { AttemptObserved, AttemptStatus } from '@recant/events';
import { deadlineOf, OPEN_MS_MAX, type Ruling, ruledStatus } from '@recant/ledger';
import { type BoundRoute, didYouMean, handle, type RequestOf } from '@recant/service';
import type { AttemptDetail, AttemptQuery, ListedAttempt, Queries, RecordedEvent, Undone } from '@recant/store';
import { repeatsIn } from './repeats.ts';

type Query = RequestOf<typeof listAttempts>['query'];

/** Recorded attempts and acts of the caller's tenant. */
export function queryRoutes(queries: Queries, clock: () => number): readonly BoundRoute[] {
  return [
    handle(listAttempts, async ({ query, caller, signal }) => {
      const nowMs = clock();
      const selection = selectionOf(query, nowMs);
      const page = await queries.attempts(caller.tenant, {
        selection,
        limit: query.limit ?? PAGE_ITEMS_DEFAULT,
        order: query.order ?? 'newest',
        nowMs,
        signal,
        ...(query.cursor === undefined ? {} : { cursor: query.cursor }),
      });
      if (page.attempts.length === 0 && query.cursor === undefined)
        await refuseUnknownAgents(queries, caller.tenant, selection.agents ?? [], nowMs);
      return {
        status: 200,
        body: { items: page.attempts.map(attemptBody), tail: page.tail, ...(page.next === undefined ? {} : { next: page.next }) },
      };
    }),
    handle(showAction, async ({ params, query: { cursor }, caller, signal }) => {
      const { attempts, next } = await queries.action(caller.tenant, params.action, {
        nowMs: clock(),
        signal,
        ...(cursor === undefined ? {} : { cursor }),
      });
      if (attempts.length === 0) throw new ApiFault('action_unknown', `Unknown action ${params.action}.`);
      const repeatsOf =
        cursor === undefined ? await repeatsIn(queries, caller.tenant, params.action, attempts, { nowMs: clock(), signal }) : () => ({});
      const bodies = attempts.map((attempt) => ({ ...attemptDetailBody(attempt), ...repeatsOf(attempt) }));
      return { status: 200, body: { action: params.action, attempts: bodies, ...(next === undefined ? {} : { next }) } };
    }),
    handle(listActs, async ({ query, caller, signal }) => {
      const { by, limit = PAGE_ITEMS_DEFAULT, cursor } = query;
      const page = await queries.acts(caller.tenant, {
        limit,
        signal,
        ...parseWindow(query, clock()),
        ...(by && { by }),
        ...(cursor === undefined ? {} : { cursor }),
      });
      return { status: 200, body: { items: page.events.map(eventBody), ...(page.next === undefined ? {} : { next: page.next }) } };
    }),
  ];
}

function selectionOf(query: Query, nowMs: number): AttemptQuery['selection'] {
  const { agent, session, trace, tool, resource, outcome, clock } = query;
  return {
    ...(agent && { agents: agent }),
    ...(session && { sessions: session }),
    ...(trace && { traces: trace }),
    ...(tool && { tools: tool }),
    ...(resource && { resources: resource }),
    ...(outcome && { outcomes: outcome }),
    ...(clock && { clock }),
    ...parseWindow(query, nowMs),
  };
}

/** An agent without any attempt is probably a typo, so that it is an error rather than an empty page. */
async function refuseUnknownAgents(queries: Queries, tenant: string, agents: readonly string[], nowMs: number): Promise<void> {
  for (const agent of agents) {
    const { attempts } = await queries.attempts(tenant, { selection: { agents: [agent] }, limit: 1, nowMs });
    if (attempts.length > 0) continue;
    const similar = didYouMean(await queries.similarAgents(tenant, agent));
    throw new ApiFault('agent_unknown', `No recorded attempt of agent ${JSON.stringify(agent)}.${similar}`);
  }
}

function attemptBody(summary: ListedAttempt): AttemptBody {
  const {
    ref,
    entry,
    agent,
    tool,
    session,
    trace,
    status,
    reversibility,
    keyId,
    settled,
    transaction,
    effects,
    undone,
    ruling,
    contradicted,
  } = summary;
  return {
    ...ref,
    agent,
    tool,
    ...(session === undefined ? {} : { session }),
    ...(trace === undefined ? {} : { trace }),
    status,
    reversibility,
    effects: effects.reported + effects.observed,
    observed: effects.observed,
    ...undoneBody(undone),
    ...ruledBody(ruling, contradicted),
    ...(transaction && { login: transaction.login, transaction: `${transaction.system} ${transaction.id}` }),
    intendedAt: isoOf(summary.intendedAtMs),
    receivedAt: isoOf(summary.receivedAtMs),
    ...(settled ? { settledAt: isoOf(settled.settledAtMs) } : {}),
    ...(status === 'open' && { deadline: isoOf(Math.min(summary.deadlineAtMs, summary.receivedAtMs + OPEN_MS_MAX)) }),
    key: keyId,
    shard: entry.shard,
    index: Number(entry.index),
  };
}

function attemptDetailBody({ source, attempt, state, first, events, undone, ruling }: AttemptDetail): ActionAttempt {
  const { intended, settled } = state;
  const { status, contradicted } = ruledStatus(state.status, ruling);
  const session = intended?.data.context.session;
  const trace = intended?.traceparent?.split('-')[1];
  return {
    source,
    action: (first.event.data as { action: string }).action,
    attempt,
    agent: first.event.agent,
    tool: intended?.data.tool ?? '',
    reversibility: intended?.data.reversibility ?? 'unknown',
    ...(first.event.type === 'recant.attempt.observed.v1' ? transactionBody(first.event.data) : {}),
    ...(session === undefined ? {} : { session }),
    ...(trace === undefined ? {} : { trace }),
    status,
    complete: state.complete,
    discrepancies: state.discrepancies,
    effects: state.effects,
    observed: state.observed,
    ...undoneBody(undone),
    ...ruledBody(ruling, contradicted),
    intendedAt: first.event.time,
    receivedAt: isoOf(first.receivedAtMs),
    ...(settled ? { settledAt: settled.time } : {}),
    ...(status === 'open' && intended ? { deadline: isoOf(Math.min(deadlineOf(intended), first.receivedAtMs + OPEN_MS_MAX)) } : {}),
    key: first.keyId,
    shard: first.entry.shard,
    index: Number(first.entry.index),
    events: events.map(eventBody),
  };
}

function undoneBody(undone: Undone | undefined): Pick<AttemptBody, 'undone'> {
  if (undone === undefined) return {};
  return { undone: { run: undone.run, at: isoOf(undone.atMs), ...(undone.part && { part: true }) } };
}

function ruledBody(ruling: Ruling | undefined, contradicted: AttemptStatus | undefined): Pick<AttemptBody, 'ruled'> {
  if (ruling === undefined) return {};
  const { outcome, by, atMs, reason } = ruling;
  return { ruled: { as: outcome, by, at: isoOf(atMs), reason, ...(contradicted && { contradicted }) } };
}

/** An attempt without an intent. */
function transactionBody({ agent, login, system, transaction }: AttemptObserved) {
  return { ...(agent && { agent }), login, tool: 'transaction', reversibility: 'reversible', transaction: `${system} ${transaction}` };
}

function eventBody({ entry, receivedAtMs, keyId, event }: RecordedEvent): RecordedEventBody {
  return { shard: entry.shard, index: Number(entry.index), receivedAt: isoOf(receivedAtMs), key: keyId, event: { ...event } };
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
