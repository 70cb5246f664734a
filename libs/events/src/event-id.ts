import type { AttemptObserved, RecantEvent } from './types.ts';
import type { ActOutcome } from './vocabulary.ts';

type ObservedKey = 'action' | 'attempt' | 'system' | 'transaction' | 'chunk';

/** Ids are derived from the data, so that a repeated send is a duplicate and not a second event. */
export const eventId = {
  intended: (action: string, attempt: number): string => `${action}.${attempt}.intended`,
  effects: (action: string, attempt: number, chunk: number): string => `${action}.${attempt}.effects.${chunk}`,
  settled: (action: string, attempt: number): string => `${action}.${attempt}.settled`,
  observed: ({ action, attempt, system, transaction, chunk }: Pick<AttemptObserved, ObservedKey>): string =>
    `${action}.${attempt}.observed.${system}.${transaction.replace('/', '-')}.${chunk}`,
  opened: (): string => 'opened',
  heartbeat: (n: number): string => `heartbeat.${n}`,
  closed: (): string => 'closed',
  act: (act: string, outcome: ActOutcome): string => `act.${act}.${outcome === 'pending' ? 'pending' : 'ended'}`,
} as const;

const HEARTBEAT = /^heartbeat\.(?:0|[1-9][0-9]{0,15})$/;

/** Whether an event's id is the one derived from its data. */
export function idMatches(event: RecantEvent): boolean {
  const { id } = event;
  switch (event.type) {
    case 'recant.attempt.intended.v1':
      return id === eventId.intended(event.data.action, event.data.attempt);
    case 'recant.attempt.effects.v1':
      return id === eventId.effects(event.data.action, event.data.attempt, event.data.chunk);
    case 'recant.attempt.settled.v1':
      return id === eventId.settled(event.data.action, event.data.attempt);
    case 'recant.attempt.observed.v1':
      return id === eventId.observed(event.data);
    case 'recant.source.opened.v1':
      return id === eventId.opened();
    case 'recant.source.heartbeat.v1':
      return HEARTBEAT.test(id);
    case 'recant.source.closed.v1':
      return id === eventId.closed();
    case 'recant.act.recorded.v1':
      return id === eventId.act(event.data.act, event.data.outcome);
  }
}
