import type { Running } from './running.ts';
import type { Connection } from './wire.ts';

/** What is known of a connection's transaction, from the server's own answers, so that it does not matter who sent the statements. */
export interface Transaction {
  /** Whose the open transaction is: the attempt of its first recorded statement. */
  owner: Running | undefined;
  /** It is named already. */
  named: boolean;
  /** A transaction block is open. */
  open: boolean;
  /** The next ROLLBACK may begin another transaction (`AND CHAIN`) rather than return to a savepoint. */
  chains: boolean;
}

const known = new WeakMap<Connection, Transaction>();

/** Follows the transactions of a connection. @param status of the connection so far, if the client knows it */
export function transactionOf(connection: Connection, status: string | null | undefined): Transaction {
  const found = known.get(connection);
  if (found !== undefined) return found;
  const transaction: Transaction = { owner: undefined, named: false, open: status === 'T', chains: false };
  const forget = (): void => {
    transaction.owner = undefined;
    transaction.named = false;
  };
  // Before the client's own listeners: those send the next query.
  connection.prependListener('commandComplete', ({ text }: { text: string }) => {
    const [tag] = text.split(' ');
    if (tag === 'ROLLBACK' && !transaction.chains) transaction.named = false;
    else if (tag === 'BEGIN' || tag === 'START' || tag === 'COMMIT' || tag === 'PREPARE' || tag === 'ROLLBACK') forget();
  });
  connection.prependListener('readyForQuery', ({ status: now }: { status: string }) => {
    transaction.open = now === 'T';
    transaction.chains = false;
    if (now === 'I') forget();
  });
  known.set(connection, transaction);
  return transaction;
}
