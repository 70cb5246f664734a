import { ApiFault } from '@recant/api';
import type { Caller } from './caller.ts';
import { isOperator } from './operators.ts';
import { createTurns, type TurnLimits, TurnRefused, type Turns } from './turns.ts';

/** Reads of agents, auditors and other programs: fewer than the connections for reads, so that one is always left for an operator. */
const READS: TurnLimits = { running: 4, runningOfTenant: 3, waitingOfKey: 256, waiting: 4_096, waitMs: 10_000 };
/** Reads of operators have turns of their own: no flood of others delays the person who stops it. */
const OPERATORS: TurnLimits = { running: 8, runningOfTenant: 6, waitingOfKey: 64, waiting: 512, waitMs: 10_000 };

export interface ReadTurns {
  /** Runs a read when it is the caller's turn. @throws ApiFault `too_many_requests_open`, `overloaded` */
  run<T>(caller: Caller, signal: AbortSignal, read: () => Promise<T>): Promise<T>;
}

export function createReadTurns(reads: TurnLimits = READS, operators: TurnLimits = OPERATORS): ReadTurns {
  const turns: Readonly<Record<'reads' | 'operators', Turns>> = { reads: createTurns(reads), operators: createTurns(operators) };
  return {
    async run(caller, signal, read) {
      try {
        return await turns[isOperator(caller) ? 'operators' : 'reads'].run({ tenant: caller.tenant, key: caller.id }, signal, read);
      } catch (error) {
        throw error instanceof TurnRefused ? faultOf(error) : error;
      }
    },
  };
}

function faultOf(cause: TurnRefused): ApiFault {
  if (cause.code === 'queue_full')
    return new ApiFault('too_many_requests_open', 'Too many reads of this caller are in progress.', { cause, retryAfterSeconds: 1 });
  return new ApiFault('overloaded', 'The read had no turn in time.', { cause, retryAfterSeconds: 2 });
}
