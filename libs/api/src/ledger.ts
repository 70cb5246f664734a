import { listAttempts, showAction } from './attempts.ts';
import { putPart, submitEvents } from './events.ts';
import { createKey, listKeys, revokeKey } from './keys.ts';
import { listDeadLetters, listLogs } from './logs.ts';

/** Every route of the ledger service. */
export const LEDGER_ROUTES = [
  submitEvents,
  putPart,
  listAttempts,
  showAction,
  listLogs,
  listDeadLetters,
  listKeys,
  createKey,
  revokeKey,
] as const;
