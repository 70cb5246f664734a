import { listActs } from './acts.ts';
import { acknowledgeAlarm, listAlarms } from './alarms.ts';
import { listAttempts, settleAttempt, showAction } from './attempts.ts';
import { getDurability } from './durability.ts';
import { putPart, submitEvents } from './events.ts';
import { allowFenced, askFence, endFence, listFences, setFence, showFence } from './fences.ts';
import { listFreezes, orderFreeze, showFreeze, takeLease, thawFreeze } from './freezes.ts';
import { createKey, listKeys, revokeKey, rotateKey } from './keys.ts';
import { listDeadLetters, listLogs } from './logs.ts';
import { reachTopics } from './reached.ts';
import { createDataKey, eraseSubject, getPart, showErasure, unsealPart } from './sealing.ts';
import { listSources } from './sources.ts';
import { getCheckpoint, getHead, getReceipt, getTile, getVkeys, openEpoch } from './tlog.ts';

/** Every route of the ledger service. */
export const LEDGER_ROUTES = [
  submitEvents,
  putPart,
  getPart,
  unsealPart,
  createDataKey,
  eraseSubject,
  showErasure,
  getDurability,
  listAttempts,
  showAction,
  settleAttempt,
  listActs,
  listAlarms,
  acknowledgeAlarm,
  orderFreeze,
  listFreezes,
  showFreeze,
  thawFreeze,
  takeLease,
  setFence,
  listFences,
  showFence,
  allowFenced,
  endFence,
  askFence,
  reachTopics,
  listLogs,
  listSources,
  listDeadLetters,
  listKeys,
  createKey,
  rotateKey,
  revokeKey,
  getVkeys,
  getCheckpoint,
  getTile,
  getReceipt,
  getHead,
  openEpoch,
] as const;
