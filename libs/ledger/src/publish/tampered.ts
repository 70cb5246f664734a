import type { LogKey } from './ports.ts';

/** What a log can break, seen from beside it. The offline auditor (`@recant/verifier`) knows more. A rule's name is for ever. */
const TAMPER_RULES = {
  size_mismatch: 'the head counts another number of entries than there are',
  index_gap: 'an entry is missing',
  leaf_mismatch: 'a leaf is not the hash of its entry',
  frontier_differs: 'the head is not the tree of the entries',
  tiles_ahead: 'tiles were made of entries that are gone',
  tiles_missing: 'tiles are gone',
  checkpoint_invalid: 'the last checkpoint was not signed by this ledger, or is of another log',
  log_behind_checkpoint: 'the log is shorter than a checkpoint that was signed of it',
  log_differs_from_checkpoint: 'the log does not begin with what a checkpoint of it was signed over',
  log_behind_anchor: 'the log is shorter than a checkpoint of it that an anchor keeps',
  log_differs_from_anchor: 'the log does not begin with what an anchor keeps of it',
  epoch_behind_anchor: 'an anchor knows a later epoch of this log',
} as const;
export type TamperRule = keyof typeof TAMPER_RULES;

/** An older copy of the database looks so; a person can say that it is one. */
const RESTORED: readonly TamperRule[] = [
  'tiles_ahead',
  'log_behind_checkpoint',
  'log_differs_from_checkpoint',
  'log_behind_anchor',
  'log_differs_from_anchor',
  'epoch_behind_anchor',
];

/** Whether an older copy of the database would break this rule. Then, and only then, a person may open an epoch. */
export function isOfRestored(rule: TamperRule): boolean {
  return RESTORED.includes(rule);
}

/** Nothing is appended to this log and nothing of it is signed until a person has acted. Other logs go on. */
export class LedgerTampered extends Error {
  override readonly name = 'LedgerTampered';
  readonly code = 'ledger_tampered';
  readonly rule: TamperRule;
  readonly log: LogKey;
  /** What to do. One line. */
  readonly action: string;

  constructor(log: LogKey, rule: TamperRule, detail: string) {
    super(`The log ${log.tenant}/${log.shard} broke the rule ${rule}: ${TAMPER_RULES[rule]} (${detail}).`);
    this.rule = rule;
    this.log = log;
    this.action = actionOf(log, rule);
  }
}

function actionOf({ shard }: LogKey, rule: TamperRule): string {
  const look = 'Run `recant verify` and keep what it says, find out who changed the database';
  if (isOfRestored(rule))
    return `${look}. If it was restored from an older copy, say so with \`recant epoch open ${shard}\`; else put back the newest copy.`;
  return `${look}, and put back a copy from before the change.`;
}
