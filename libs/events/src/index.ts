export { API_SECRET_BYTES, type ApiKey, formatApiKey, macSecretOf, parseApiKey } from './api-key.ts';
export { countLines, joinBatch, type SplitBatch, splitBatch } from './batch.ts';
export { type Call, callKey, sameCallKey } from './call-key.ts';
export { canonicalize } from './canonical.ts';
export { type Decoded, decodeEvent } from './decode.ts';
export { chunkDigest, createEffectsDigest, effectsDigest, partDigest, shardOf } from './digest.ts';
export { encodeEvent } from './encode.ts';
export { EventError, type EventErrorCode } from './error.ts';
export { eventId } from './event-id.ts';
export { type Glance, glanceEvent } from './glance.ts';
export type { Refused } from './guard/event.ts';
export {
  isDigest,
  isName,
  isOrdinal,
  isReason,
  isRecordId,
  isTime,
  isTraceparent,
  isTracestate,
  isTransaction,
  isVersion,
} from './guard/texts.ts';
export type { JsonObject, JsonValue } from './json.ts';
export * from './limits.ts';
export { isMessageKind, messageMac } from './message-mac.ts';
export { isPlainName } from './plain-name.ts';
export {
  agentMatches,
  formatResource,
  isResourcePattern,
  isSystemName,
  parseResource,
  percentDecode,
  percentEncode,
  type Resource,
  resourceMatches,
  SYSTEM_NAME,
} from './resource.ts';
export {
  DATA_KEY_BYTES,
  type DataKey,
  isDataKeyId,
  openPart,
  SEAL_NONCE_BYTES,
  type SealedFor,
  sealingKeyOf,
  sealPart,
} from './sealed-part.ts';
export { formatSequence, parseSequence } from './sequence.ts';
export { actionOfTransaction } from './transaction-action.ts';
export * from './transport-names.ts';
export type * from './types.ts';
export { isUuidV7, uuidv7 } from './uuid.ts';
export * from './vocabulary.ts';
