/** The closed list of rules; each text says what a violation means to an auditor. The table in README.md must be equal (`test/readme.test.ts`). */
export const RULES = {
  version: 'This is not a bundle, or its version is not supported by this verifier.',
  truncated: 'The file ends inside a record or before its signed statement: the rest was cut off or never written.',
  format: 'A record is malformed, too long or out of place: the file was damaged, or it was not written by a ledger.',
  key_unknown:
    'A signature was made with a key that you did not name or that the file does not list: the signer is not the ledger you trust.',
  signature_invalid: 'A signature does not match the signed text: the text was changed after signing, or the signature is forged.',
  origin_mismatch: 'A checkpoint belongs to another log, tenant, ledger or epoch than the log it is stored with.',
  index_gap: 'An entry is missing, repeated or out of order: a log numbers its entries without gaps.',
  size_mismatch: 'The log has fewer or more entries than its checkpoint or manifest states: entries were cut off or added.',
  frame_invalid: 'The stored bytes are not a valid entry: they were overwritten.',
  frame_tenant_mismatch: 'The entry belongs to another tenant: it was moved here.',
  leaf_mismatch: 'The stored hash of an entry does not match its bytes: one of the two was changed.',
  received_at_falls: 'An entry has an earlier time than the entry before it: entries were inserted later, or moved.',
  genesis_missing: 'The log does not begin with its genesis entry: its beginning was cut off or replaced.',
  genesis_misplaced: 'A genesis entry follows other entries: two logs were joined.',
  shards_differ:
    'The logs of a tenant state different numbers of shards: some of its events were recorded in logs where nobody looks for them.',
  epoch_invalid: 'The entry that opens an epoch does not match the log before it: a restore was invented or hidden.',
  made_too_early:
    'The bundle states that it was made before its newest entry was recorded: it was backdated, so that saved checkpoints would count as newer.',
  event_invalid: 'The ledger refuses events like this recorded one: it was changed, or inserted without the ledger.',
  shard_mismatch: 'The event belongs to another log of this tenant: it was moved.',
  dead_letter_mismatch: 'A refused message is missing, or does not match the description in its entry.',
  checkpoint_inconsistent:
    'The ledger signed an earlier state of this log that these entries do not reproduce: history was changed after it was signed.',
  root_mismatch:
    'The entries do not produce the root of the newest checkpoint (in the database: of the log’s head): an entry was changed, added or removed.',
  part_mismatch: 'The content stored for an event does not match the digest in the event.',
  projection_missing: 'A row that an entry requires is missing: queries hide something that was recorded.',
  projection_unexpected: 'A row exists that no entry produces: queries show something that was never recorded.',
  projection_differs: 'A row differs from its entry: queries show something other than what was recorded.',
  statement_invalid: 'The signed statement does not describe this file: the file was changed, or the statement belongs to another file.',
  trailing: 'Bytes follow the signed statement, which ends a bundle.',
  key_duplicate: 'An event is recorded twice: an entry was copied without the ledger.',
  anchor_ahead: 'A checkpoint that you saved covers more entries than the log has now: the end of the log was cut off.',
  anchor_differs: 'A checkpoint that you saved has another root at the same size: the ledger showed you a different history then.',
} as const;

export type Rule = keyof typeof RULES;

/** Faults of senders. They never make a ledger unsound; otherwise any sender could make it so. */
export const WARNINGS = {
  source_gap: 'A sender skipped sequence numbers: some of its events never arrived.',
  settlement_without_intent: 'A sender reported the end of an attempt without reporting its beginning.',
  chunk_missing:
    'A sender delivered fewer or other effects than it reported: the effects of the attempt are not fully known, so it cannot be undone. At the end of a log, an observed transaction may still be arriving.',
  epoch_opened: 'The ledger was restored from a backup here and recorded the restore; entries of the old epoch after this point are lost.',
} as const;

export type WarningRule = keyof typeof WARNINGS;

/** Ends a verification with the first broken rule. `message` is the detail. */
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
