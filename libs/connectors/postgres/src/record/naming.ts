import type { AttemptRef } from '@recant/events';

/** Name of the column by which the answer to the naming is recognised among those of the application's statements. */
export const NAMING_COLUMN = 'recant:named';

/**
 * Names the transaction if it has written anything: reads get no transaction id and no commit of their own. Comes after the statement, because
 * a transaction is named by its number, whenever the name comes. If the name is refused, the transaction fails.
 */
export function namingAfterWrites(attempt: AttemptRef): string {
  return `${namingOf(attempt)} FROM pg_catalog.pg_current_xact_id_if_assigned() AS x(id) WHERE x.id IS NOT NULL AND pg_catalog.current_setting('transaction_read_only') OPERATOR(pg_catalog.=) 'off'`;
}

/** Names the transaction. */
export const namingOf = (attempt: AttemptRef): string => `SELECT recant.name_attempt(${refOf(attempt)}) AS "${NAMING_COLUMN}"`;

/** Refuses later transactions of the attempt, once its open ones have ended. */
export const settlingOf = (attempt: AttemptRef): string => `SELECT recant.settle_attempt(${refOf(attempt)})`;

const refOf = ({ source, action, attempt }: AttemptRef): string => `${literal(source)}, ${literal(action)}, ${Number(attempt)}`;

function literal(text: string): string {
  const doubled = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? ` E${doubled.replaceAll('\\', '\\\\')}` : doubled;
}
