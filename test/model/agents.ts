/** What the agents of a history say, and what the drain reports of the target: events, in the order in which a ledger may get them. */
import { createHash } from 'node:crypto';
import {
  type AttemptRef,
  actionOfTransaction,
  type Effect,
  type EventData,
  type EventType,
  effectsDigest,
  eventId,
  formatSequence,
  OWN_AGENT,
  type RecantEvent,
  uuidv7,
} from '@recant/events';
import { loginOf, type Says, type Script, type Transaction } from '../histories/elements.ts';
import type { Recorded } from '../histories/play.ts';
import { SYSTEM, type Target } from './memory/target.ts';
import type { Listener } from './play.ts';
import { deadlineMsOf, START_MS } from './twist.ts';

const DRAIN = 'recant://recant/drain/shop';
const ROLE = 'bot';

export const agentOf = (agent: number): string => `${agent === 0 ? 'solo' : 'shared'}${agent}`;
const loginFor = ({ actor }: Transaction): string =>
  actor.is === 'agent' ? `agent${loginOf(actor.agent)}` : actor.is === 'role' ? ROLE : 'alice';

const sourceOf = (agent: number): string => `recant://${agentOf(agent)}/1`;

export class Agents implements Listener {
  /** In the order in which they happened. */
  readonly events: RecantEvent[] = [];
  /** The history's name of each action. */
  readonly names = new Map<string, string>();
  readonly #script: Script;
  readonly #target: Target;
  readonly #skewMs: (agent: number) => number;
  readonly #sequences = new Map<string, number>();
  #nowMs = START_MS;

  /** @param skewMs of an agent's clock */
  constructor(script: Script, target: Target, skewMs: (agent: number) => number) {
    this.#script = script;
    this.#target = target;
    this.#skewMs = skewMs;
  }

  refOf(attempt: string): AttemptRef {
    const action = uuidv7(START_MS, createHash('sha256').update(attempt).digest().subarray(0, 16));
    this.names.set(action, attempt);
    return { source: sourceOf(Number(attempt.split('/')[0])), action, attempt: 1 };
  }

  intend(agent: number, attempt: number): void {
    const says = this.#saysOf(agent, attempt);
    if (says === 'nothing') return;
    const { action } = this.refOf(`${agent}/${attempt}`);
    const deadlineMs = deadlineMsOf(says);
    this.#say(agent, 'recant.attempt.intended.v1', eventId.intended(action, 1), {
      action,
      attempt: 1,
      tool: 'write',
      arguments: { inline: {} },
      resources: [],
      reversibility: 'reversible',
      deadlineMs,
      context: {},
    });
  }

  settle(agent: number, attempt: number, outcome: 'succeeded' | 'failed'): void {
    const says = this.#saysOf(agent, attempt);
    if (says === 'nothing' || says === 'no end' || says === 'no end yet' || says === 'revoked') return;
    const { action } = this.refOf(`${agent}/${attempt}`);
    const truth = says === 'failed' ? 'failed' : outcome;
    const claims = says === 'invented' || says === 'miscounted' ? invented() : [];
    if (says === 'invented')
      this.#say(agent, 'recant.attempt.effects.v1', eventId.effects(action, 1, 0), { action, attempt: 1, chunk: 0, effects: claims });
    this.#settled(agent, action, truth, claims);
    if (says === 'both') this.#settled(agent, action, truth === 'failed' ? 'succeeded' : 'failed', []);
  }

  /** What an agent says after a person has settled its attempt. */
  contradict(attempt: string, outcome: 'succeeded' | 'failed'): void {
    this.#settled(Number(attempt.split('/')[0]), this.refOf(attempt).action, outcome, []);
  }

  commit({ attempt, effects, xid }: Recorded, transaction: Transaction): void {
    const login = loginFor(transaction);
    const named = attempt?.startsWith('login/') === false ? this.refOf(attempt) : undefined;
    const id = `1/${xid}`;
    const own = { source: DRAIN, action: actionOfTransaction(JSON.stringify([SYSTEM, login]), id, START_MS), attempt: 1 };
    const ref = attempt === undefined ? undefined : (named ?? own);
    if (attempt !== undefined && named === undefined) this.names.set(own.action, attempt);
    const recorded = this.#target.capture(effects, login, ref);
    if (ref === undefined || recorded.length === 0) return;
    const data = {
      action: ref.action,
      attempt: 1,
      ...(named && { of: named.source }),
      system: SYSTEM,
      transaction: id,
      login,
      agent: this.#agentFor(transaction, named !== undefined) ?? login,
      from: new Date(START_MS).toISOString(),
      to: new Date(START_MS).toISOString(),
      chunk: 0,
      chunks: 1,
      effects: recorded,
    };
    this.#add(DRAIN, OWN_AGENT, 0, 'recant.attempt.observed.v1', eventId.observed(data), data);
  }

  /** Of the intent. Undefined: there is none. */
  #agentFor({ actor }: Transaction, isNamed: boolean): string | undefined {
    if (!isNamed || actor.is !== 'agent' || this.#saysOf(actor.agent, actor.attempt) === 'nothing') return undefined;
    return agentOf(actor.agent);
  }

  #saysOf(agent: number, attempt: number): Says {
    return this.#script.says.get(`${agent}/${attempt}`) ?? 'truth';
  }

  #settled(agent: number, action: string, outcome: 'succeeded' | 'failed', claims: readonly Effect[]): void {
    const lists = claims.length === 0 ? [] : [claims];
    this.#say(agent, 'recant.attempt.settled.v1', eventId.settled(action, 1), {
      action,
      attempt: 1,
      outcome,
      chunks: lists.length,
      effects: claims.length,
      digest: effectsDigest(lists),
      durationMs: 1,
    });
  }

  #say<T extends EventType>(agent: number, type: T, id: string, data: EventData[T]): void {
    this.#add(sourceOf(agent), agentOf(agent), this.#skewMs(agent), type, id, data);
  }

  #add<T extends EventType>(source: string, agent: string, skewMs: number, type: T, id: string, data: EventData[T]): void {
    this.#nowMs += 1;
    const sequence = (this.#sequences.get(source) ?? 0) + 1;
    this.#sequences.set(source, sequence);
    const time = new Date(this.#nowMs + skewMs).toISOString();
    this.events.push({ specversion: '1.0', id, source, type, time, sequence: formatSequence(sequence), agent, data } as RecantEvent);
  }
}

/** Of rows that others wrote, with numbers far behind and far ahead of the target's own. */
function invented(): readonly Effect[] {
  const version = (letter: string) => `v1.${letter.repeat(22)}`;
  return ['1', '5', '999999999999999999'].map((ordinal, n) => ({
    resource: `postgres://${SYSTEM}/public.item/${n + 1}`,
    operation: 'update',
    ordinal,
    parts: { qty: { before: version('A'), after: version('B') }, price: { before: version('A'), after: version('B') } },
    compensation: { connector: 'postgres', images: [`change/${ordinal}`] },
  }));
}
