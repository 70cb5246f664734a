export { type Admission, admit, OWN_AGENT, sourceWithin } from './admit.ts';
export { type AttemptState, type AttemptStatus, attemptState, deadlineOf } from './attempt-state.ts';
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
export type { Appender, Credential, KafkaPosition, Receipt, Refusal, RefusalCode, Role, Submission } from './ports.ts';
export { type Access, type AttemptRow, type EffectRow, type Projection, project, type SettlementRow } from './projection.ts';
export * from './publish/index.ts';
