import { type Missing, missing } from './missing.ts';

/** A transaction that was open when its target was asked. */
export interface OpenInTarget {
  readonly system: string;
  readonly login: string;
  readonly agent: string;
  /** Process id, or the name of a prepared transaction. */
  readonly pid?: number;
  readonly gid?: string;
  readonly ageMs?: number;
}

/** A system whose captured changes were not all in the ledger, and why. */
export interface LaggingSystem {
  readonly system: string;
  readonly reason: string;
  /** The last event that the ledger has of it; undefined: none. What comes after it is missing, however much that is. */
  readonly after: { readonly source: string; readonly number: number } | undefined;
}

export const missingOfSystem = ({ system, reason, after }: LaggingSystem): Missing =>
  missing(
    'system',
    system,
    { after: after === undefined ? null : { ...after } },
    {
      detail: `Its changes${after ? ` after event ${after.number} of ${after.source}` : ''} are not recorded: ${reason.replace(/\.$/, '')}.`,
      action: 'Correct the cause and plan again.',
    },
  );

/** What a transaction changed is not captured before it ends. */
export function missingOfTransaction({ system, login, agent, pid, gid, ageMs }: OpenInTarget): Missing {
  const name = pid === undefined ? `prepared transaction ${gid}` : `pid ${pid}`;
  const age = ageMs === undefined ? '' : `, for ${Math.round(ageMs / 1_000)} s`;
  return missing(
    'open_transaction',
    system,
    { login, name },
    {
      detail: `Open transaction of agent ${agent}: login ${login}, ${name}${age}.`,
      action:
        pid === undefined
          ? `End it in the database: ROLLBACK PREPARED '${gid}'.`
          : `End it: recant systems end-transaction ${system} ${pid}`,
    },
  );
}
