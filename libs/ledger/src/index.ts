export { type Admission, admit, checkSender, sourceWithin } from './admit.ts';
export {
  type AttemptFold,
  type AttemptState,
  createAttemptFold,
  deadlineOf,
  OPEN_MS_MAX,
} from './attempt-state.ts';
export {
  checkFrameSize,
  type DeadLetterDescription,
  deadLetterBody,
  decodeFrame,
  encodeFrame,
  encodeFrameHead,
  type Frame,
  type FrameKind,
  type Genesis,
  genesisBody,
} from './frame.ts';
export { type AttemptEvent, createObservedFold, type Observed, refOfEvent } from './observed.ts';
export type { Appender, Credential, KafkaPosition, Receipt, Refusal, RefusalCode, Submission } from './ports.ts';
export {
  type Access,
  type AttemptRow,
  type EffectCountRow,
  type EffectRow,
  type ObservedRow,
  type Projection,
  project,
  type SettlementRow,
} from './projection.ts';
export * from './publish/index.ts';
export { type Discrepancies, type Discrepancy, effectsOfEvent } from './reported.ts';
export { type RuledStatus, type Ruling, ruledStatus } from './ruling.ts';
