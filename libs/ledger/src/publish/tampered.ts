import type { LogKey } from './ports.ts';

/** Rules checked while publishing. The offline auditor (`@recant/verifier`) checks more. Rule names never change. */
const TAMPER_RULES = {
  size_mismatch: 'the size of the head differs from the number of entries',
  index_gap: 'an entry is missing',
  leaf_mismatch: 'a leaf is not the hash of its entry',
  frontier_differs: 'the head does not match the tree of the entries',
  tiles_ahead: 'tiles cover entries that are missing',
  tiles_missing: 'tiles are missing',
  checkpoint_invalid: 'the last checkpoint was not signed by this ledger or belongs to another log',
  log_behind_checkpoint: 'the log is shorter than one of its signed checkpoints',
  log_differs_from_checkpoint: 'the log does not extend one of its signed checkpoints',
  log_behind_anchor: 'the log is shorter than one of its checkpoints in an anchor',
  log_differs_from_anchor: 'the log does not extend one of its checkpoints in an anchor',
  epoch_behind_anchor: 'an anchor has a later epoch of this log',
} as const;
export type TamperRule = keyof typeof TAMPER_RULES;

/** Rules that an older copy of the database breaks. */
const RESTORED: readonly TamperRule[] = [
  'tiles_ahead',
  'log_behind_checkpoint',
  'log_differs_from_checkpoint',
  'log_behind_anchor',
  'log_differs_from_anchor',
  'epoch_behind_anchor',
];

/** Whether an older copy of the database breaks this rule. Only then may a person open an epoch. */
export function isOfRestored(rule: TamperRule): boolean {
  return RESTORED.includes(rule);
}

/** Rules that only a comparison with anchors finds. */
export function needsAnchor(rule: TamperRule): boolean {
  return rule === 'log_behind_anchor' || rule === 'log_differs_from_anchor' || rule === 'epoch_behind_anchor';
}

/** Appending to this log and signing it stop until a person acts. Other logs continue. */
export class LedgerTampered extends Error {
  override readonly name = 'LedgerTampered';
  readonly code = 'ledger_tampered';
  readonly rule: TamperRule;
  readonly log: LogKey;
  /** Remedy. One line. */
  readonly action: string;

  constructor(log: LogKey, rule: TamperRule, detail: string) {
    super(`The log ${log.tenant}/${log.shard} broke the rule ${rule}: ${TAMPER_RULES[rule]} (${detail}).`);
    this.rule = rule;
    this.log = log;
    this.action = actionOf(log, rule);
  }
}

function actionOf({ shard }: LogKey, rule: TamperRule): string {
  const investigate = 'Run `recant verify`, keep its output, and find out who changed the database';
  if (isOfRestored(rule))
    return `${investigate}. If it was restored from an older copy, run \`recant epoch open ${shard}\`; otherwise restore the newest copy.`;
  return `${investigate}. Then restore a copy from before the change.`;
}
