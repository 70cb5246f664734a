export { type AnchorWatch, createAnchorWatch } from './anchor-watch.ts';
export { type AnchoringContext, anchorAll, cosignAll, type OutgoingFailure } from './anchoring.ts';
export type { OutgoingCheckpoint, StoredCheckpoint } from './checkpoint.ts';
export { type EpochStatement, epochBody } from './epoch.ts';
export {
  type HeadContext,
  type HeadMember,
  type HeadStore,
  type OpenHeads,
  publishHead,
  type StoredHead,
  type TenantLogs,
} from './head.ts';
export { type AnchoredHead, type Inspection, inspect } from './inspect.ts';
export { integrate } from './integrate.ts';
export type { LogFacts, OpenLog, PublishStore } from './log.ts';
export { createLogGuard, type LogGuard, type LogGuardOptions } from './log-guard.ts';
export { headOriginOf, originOf } from './origin.ts';
export {
  type Anchor,
  AnchorError,
  type AnchorErrorCode,
  type LogKey,
  type PublishedCheckpoint,
  type Signer,
  type Witness,
} from './ports.ts';
export { type PublishContext, publish } from './publish.ts';
export { isOfRestored, LedgerTampered, type TamperRule } from './tampered.ts';
