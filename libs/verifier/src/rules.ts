/** The closed list of what can be wrong, and what it means to somebody who keeps the log to account. The README's table says the same. */
export const RULES = {
  version: 'This is no bundle, or one of a version that this verifier does not know.',
  truncated: 'The file ends in the middle, or before its signed statement: the rest was cut off or never written.',
  format: 'A record is not what the format says, is too long, or stands where it must not: the file was damaged or made by something else.',
  key_unknown:
    'Something is signed by a key that you did not name, or that the file does not list: whoever signed it is not the ledger you trust.',
  signature_invalid: 'A signature does not fit what it signs: the text was changed after signing, or the signature is made up.',
  origin_mismatch: 'A checkpoint is of another log, tenant, ledger or epoch than the one it stands in.',
  index_gap: 'An entry is missing, repeated or out of order: the numbering of a log has no holes.',
  size_mismatch: 'The log has fewer or more entries than its checkpoint or manifest says: entries were cut off or added.',
  frame_invalid: 'These bytes are no entry: they were overwritten.',
  frame_tenant_mismatch: 'The entry belongs to another tenant: it was moved here.',
  leaf_mismatch: 'The stored hash of an entry is not the hash of its bytes: one of the two was changed.',
  received_at_falls: 'An entry is older than the one before it: entries were put in later, or moved.',
  genesis_missing: 'The log does not begin with the entry that says which log it is: its beginning was cut off or replaced.',
  genesis_misplaced: 'A log’s first entry stands in the middle: two logs were joined.',
  epoch_invalid: 'The entry that opens an epoch does not fit where it stands: a restart of the log was made up, or hidden.',
  event_invalid: 'What was recorded is not an event the ledger would have taken: it was changed, or put in past the ledger.',
  shard_mismatch: 'The event belongs into another log of this tenant: it was moved.',
  dead_letter_mismatch: 'A refused message is missing, or is not the one its entry describes.',
  checkpoint_inconsistent:
    'The ledger signed an earlier state of this log that is not the beginning of what is here: history was changed after it was signed.',
  root_mismatch:
    'The entries do not give the root of the newest checkpoint (in the database: of the log’s head): an entry was changed, added or taken out.',
  part_mismatch: 'Content that stands beside an event is not what the event’s digest says.',
  projection_missing: 'A row that an entry must have is not there: something recorded is hidden from queries.',
  projection_unexpected: 'A row is there that no entry gives: queries show something that was never recorded.',
  projection_differs: 'A row says something else than its entry: queries show something else than what was recorded.',
  statement_invalid: 'The signed statement does not describe this file: bytes of it were changed, or it is another file’s.',
  trailing: 'Something follows the signed end of the file.',
  key_duplicate: 'One event is recorded twice: an entry was copied in past the ledger.',
  anchor_ahead: 'A checkpoint you kept is of more entries than the log has now: the end was cut off.',
  anchor_differs: 'A checkpoint you kept has another root at its size: the ledger showed you a different history then.',
} as const;

export type Rule = keyof typeof RULES;

/** What senders did or left out. It never makes a ledger unsound: else any sender could. */
export const WARNINGS = {
  source_gap: 'A sender skipped numbers: events it made never arrived here.',
  settlement_without_intent: 'A sender reported the end of an attempt whose beginning it never reported.',
  chunk_missing:
    'A sender reported more effects than it delivered, or others: what the attempt did is not fully known, and it cannot be undone.',
  epoch_opened: 'The ledger was restored from a backup here and said so; entries of the old epoch after this point are lost.',
} as const;

export type WarningRule = keyof typeof WARNINGS;

/** Ends a verification: the first broken rule. */
export class BrokenRule extends Error {
  override readonly name = 'BrokenRule';
  readonly rule: Rule;
  readonly shard: number | undefined;
  readonly index: bigint | undefined;
  constructor(rule: Rule, detail: string, shard?: number, index?: bigint, cause?: unknown) {
    super(detail, cause === undefined ? undefined : { cause });
    this.rule = rule;
    this.shard = shard;
    this.index = index;
  }
}
