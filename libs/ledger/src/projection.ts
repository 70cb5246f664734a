import type { AttemptRef, Effect, EventOf, Outcome, RecantEvent, Reversibility } from '@recant/events';
import { deadlineOf } from './attempt-state.ts';
import { isOutsideWriter, type Observed, refOfEvent } from './observed.ts';
import { effectsOfEvent } from './reported.ts';

/** Row of an intent in the list of attempts. */
export interface AttemptRow {
  readonly action: string;
  readonly attempt: number;
  readonly agent: string;
  readonly tool: string;
  readonly session?: string;
  /** 32 lower-case hex digits (W3C trace id). */
  readonly trace?: string;
  /** Milliseconds since 1970, UTC. */
  readonly intendedAtMs: number;
  readonly deadlineAtMs: number;
  readonly reversibility: Reversibility;
  readonly inverts?: AttemptRef & { readonly run: string; readonly step: number };
}

export interface SettlementRow {
  readonly action: string;
  readonly attempt: number;
  readonly outcome: Outcome;
  readonly chunks: number;
  readonly effects: number;
  readonly digest: string;
  readonly settledAtMs: number;
  readonly durationMs: number;
}

export type Access = 'declared' | 'read' | 'written';

export interface EffectRow {
  readonly action: string;
  readonly attempt: number;
  readonly resource: string;
  /** The strongest access of this event to the resource. */
  readonly access: Access;
}

/** Row of an observed event of an agent's attempt. */
export interface ObservedRow {
  /** Source of the attempt: of its intent where the transaction was named, else of the event. */
  readonly source: string;
  readonly action: string;
  readonly attempt: number;
  readonly named: boolean;
  readonly system: string;
  readonly transaction: string;
  readonly login: string;
  readonly agent?: string;
  readonly chunk: number;
  readonly chunks: number;
  /** Milliseconds since 1970, UTC: when the target captured the first change. */
  readonly observedAtMs: number;
}

/** How many effects of one event count (`effectsOfEvent`). */
export interface EffectCountRow {
  /** Source of the attempt. */
  readonly source: string;
  readonly action: string;
  readonly attempt: number;
  /** The agent's word, or that of Recant's own services. */
  readonly reported: number;
  /** Recorded by a target that captures by itself. */
  readonly observed: number;
}

export interface Projection {
  readonly attempt?: AttemptRow;
  readonly settlement?: SettlementRow;
  readonly observed?: ObservedRow;
  /** Absent if no effect of the event counts. */
  readonly effectCount?: EffectCountRow;
  /** One row for each resource, in order of first mention. */
  readonly effects: readonly EffectRow[];
}

const NOTHING: Projection = { effects: [] };

/** Rows that one entry adds: a pure function of the event, so that the verifier can rebuild every projection from the log. */
export function project(event: RecantEvent): Projection {
  switch (event.type) {
    case 'recant.attempt.intended.v1': {
      const { action, attempt, tool, reversibility, context, resources, inverts } = event.data;
      return {
        attempt: {
          action,
          attempt,
          agent: event.agent,
          tool,
          ...(context.session === undefined ? {} : { session: context.session }),
          ...(event.traceparent === undefined ? {} : { trace: event.traceparent.slice(3, 35) }),
          intendedAtMs: Date.parse(event.time),
          deadlineAtMs: deadlineOf(event),
          reversibility,
          ...(inverts === undefined ? {} : { inverts }),
        },
        effects: [...new Set(resources)].map((resource) => ({ action, attempt, resource, access: 'declared' })),
      };
    }
    case 'recant.attempt.effects.v1':
      return effectRows(event);
    case 'recant.attempt.observed.v1':
      return isOutsideWriter(event.data) ? NOTHING : { observed: observedRow(event), ...effectRows(event) };
    case 'recant.attempt.settled.v1': {
      const { action, attempt, outcome, chunks, effects, digest, durationMs } = event.data;
      return {
        settlement: { action, attempt, outcome, chunks, effects, digest, durationMs, settledAtMs: Date.parse(event.time) },
        effects: [],
      };
    }
    default:
      return NOTHING;
  }
}

function observedRow({ source, data }: EventOf<'recant.attempt.observed.v1'>): ObservedRow {
  const { action, attempt, of, system, transaction, login, agent, chunk, chunks, from } = data;
  return {
    source: of ?? source,
    action,
    attempt,
    named: of !== undefined,
    system,
    transaction,
    login,
    ...(agent === undefined ? {} : { agent }),
    chunk,
    chunks,
    observedAtMs: Date.parse(from),
  };
}

function effectRows(event: EventOf<'recant.attempt.effects.v1'> | Observed): Pick<Projection, 'effectCount' | 'effects'> {
  const counted = effectsOfEvent(event);
  if (counted.length === 0) return NOTHING;
  const isObserved = event.type === 'recant.attempt.observed.v1';
  const effectCount = { ...refOfEvent(event), reported: isObserved ? 0 : counted.length, observed: isObserved ? counted.length : 0 };
  return { effectCount, effects: accessRows(event.data, counted) };
}

function accessRows({ action, attempt }: Pick<AttemptRef, 'action' | 'attempt'>, counted: readonly Effect[]): readonly EffectRow[] {
  const accesses = new Map<string, Access>();
  for (const { resource, parts } of counted) {
    let writes = false;
    for (const _part in parts) {
      writes = true;
      break;
    }
    if (writes || !accesses.has(resource)) accesses.set(resource, writes ? 'written' : 'read');
  }
  return Array.from(accesses, ([resource, access]) => ({ action, attempt, resource, access }));
}
