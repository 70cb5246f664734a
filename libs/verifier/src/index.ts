export { ANCHORS_MAX, CLOCK_SKEW_MS, type SavedCheckpoint } from './anchors.ts';
export {
  type BundleRecord,
  encodeRecord,
  entryRecord,
  LETTER_BYTES_MAX,
  letterRecords,
  MAGIC,
  RECORD_BYTES_MAX,
  type RecordType,
} from './bundle/format.ts';
export { HEAD_BYTES_MAX, manifestOf } from './bundle/head.ts';
export { type BundleLog, encodeManifest, type Manifest, parseManifest } from './bundle/manifest.ts';
export { splitRecords } from './bundle/record-parser.ts';
export { signBundle } from './bundle/sign.ts';
export { encodeStatement } from './bundle/statement.ts';
export { verifyBundle } from './bundle/verify.ts';
export { type BundleLogSource, type BundleSource, writeBundle } from './bundle/write.ts';
export { type BatchResult, type BrokenEvent, createEventCheck, type EventBatch, type EventCheck, type Findings } from './facts/index.ts';
export { memoryScratch, type Scratch } from './facts/scratch.ts';
export type {
  LedgerSnapshot,
  ProjectionTable,
  StoredContent,
  StoredDeadLetter,
  StoredEffectSum,
  StoredEntry,
  StoredHead,
  StoredNote,
  StoredProjection,
} from './ledger/ports.ts';
export { auditTenant, type LedgerOptions, verifyLedger } from './ledger/verify.ts';
export type { VerifyOptions } from './ledger-walk.ts';
export { type LogReader, verifyLog } from './log/verify.ts';
export { BrokenRule, RULES, type Rule, WARNINGS, type WarningRule } from './rules.ts';
export type { Broken, Counts, Sound, Verdict, Warning } from './verdict.ts';
export type { Violation } from './violation.ts';
