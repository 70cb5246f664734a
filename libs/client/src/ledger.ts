import {
  type ActionBody,
  type ActPage,
  type AlarmBody,
  type AlarmPage,
  type AttemptPage,
  type AttemptStatus,
  acknowledgeAlarm,
  allowFenced,
  askFence,
  type BatchReceipts,
  type CreatedDataKey,
  type CreatedKey,
  type CreateKeyBody,
  createDataKey,
  createKey,
  type DeadLetterBody,
  type DurabilityBody,
  type ErasedSubject,
  endFence,
  eraseSubject,
  type FenceAnswer,
  type FenceBody,
  type FencePage,
  type FenceQuestion,
  type FreezeBody,
  type FreezePage,
  type FreezeProgressBody,
  getCheckpoint,
  getDurability,
  getHealth,
  getHealthDetails,
  getPart,
  getReceipt,
  getVkeys,
  type HealthBody,
  type HealthDetails,
  type KeyBody,
  type KeyList,
  type LeaseBody,
  type LogList,
  listActs,
  listAlarms,
  listAttempts,
  listDeadLetters,
  listFences,
  listFreezes,
  listKeys,
  listLogs,
  listSources,
  type OpenedEpoch,
  type OrderFreezeBody,
  openEpoch,
  orderFreeze,
  type Page,
  type PartBody,
  putPart,
  type ReachedTopicsBody,
  type ReceiptBody,
  type RotatedKey,
  type RotateKeyBody,
  type RouteDescriptor,
  reachTopics,
  revokeKey,
  rotateKey,
  type SetFenceBody,
  type SettledAttempt,
  type SettleInput,
  type SourcePage,
  type SubjectErasure,
  setFence,
  settleAttempt,
  showAction,
  showErasure,
  showFence,
  showFreeze,
  submitEvents,
  takeLease,
  thawFreeze,
  type UnsealedPart,
  unsealPart,
} from '@recant/api';
import { joinBatch, MEDIA_TYPE_BATCH, MEDIA_TYPE_EVENT } from '@recant/events';
import type { Transport } from './transport.ts';

/** Filters of attempts: fields are and-ed, values of one field or-ed. `from` and `to`: ISO 8601 with a zone, or a duration before now (`2h`). */
export interface AttemptFilter {
  readonly agent?: readonly string[];
  readonly session?: readonly string[];
  readonly trace?: readonly string[];
  readonly tool?: readonly string[];
  readonly resource?: readonly string[];
  readonly outcome?: readonly AttemptStatus[];
  readonly from?: string;
  readonly to?: string;
  readonly clock?: 'received' | 'claimed';
  readonly order?: 'newest' | 'oldest';
}

export interface ActFilter {
  readonly by?: readonly string[];
  readonly from?: string;
  readonly to?: string;
}

export interface PageRequest {
  readonly cursor?: string;
  readonly limit?: number;
}

export interface LedgerClient {
  /** Needs no authentication. */
  health(): Promise<HealthBody>;
  /** With individual checks, if the key belongs to the operator's tenant. */
  healthDetails(): Promise<HealthDetails>;
  /** @param bytes canonical bytes of one event. @throws ApiError if refused */
  submitEvent(bytes: Uint8Array): Promise<ReceiptBody>;
  /** @param events canonical bytes of each, at least one, of sources with the same home shard, such as one source. Returns one receipt per event, in order. */
  submitBatch(events: readonly Uint8Array[]): Promise<readonly ReceiptBody[]>;
  /** `digest`: lower-case hex SHA-256 of salt ‖ bytes; `salt`: base64url. */
  putPart(digest: string, salt: string, bytes: Uint8Array): Promise<void>;
  /** The stored bytes, possibly sealed. */
  part(digest: string): Promise<PartBody>;
  /** Decrypts a sealed part; recorded as an act. */
  unsealPart(digest: string): Promise<UnsealedPart>;
  /** A new key that seals parts of a subject, returned once. */
  createDataKey(subject: string): Promise<CreatedDataKey>;
  /** Destroys all data keys of a subject irreversibly, and requests the erasure of its images in registered systems. */
  eraseSubject(subject: string): Promise<ErasedSubject>;
  erasure(subject: string): Promise<SubjectErasure>;
  /** Durability of an event of a source. */
  durability(source: string, id: string): Promise<DurabilityBody>;
  attempts(filter: AttemptFilter, page?: PageRequest): Promise<AttemptPage>;
  /** At most 4 MiB of its events. @param page `cursor`: `next` of the page before */
  action(action: string, page?: { readonly cursor?: string }): Promise<ActionBody>;
  /** An attempt whose outcome is unknown. */
  settle(action: string, settlement: SettleInput): Promise<SettledAttempt>;
  /** Acts of Recant and its operators, newest first. */
  acts(filter?: ActFilter, page?: PageRequest): Promise<ActPage>;
  /** Newest first. `open`: only those that have not ended. */
  alarms(filter?: { readonly open?: boolean }, page?: PageRequest): Promise<AlarmPage>;
  /** An acknowledged alarm stays open, and degrades no health until its detail changes. */
  acknowledgeAlarm(alarm: string, reason: string): Promise<AlarmBody>;
  /** Resolves once the freeze is effective, or at most 5 s after the last lease must have ended. */
  freeze(order: OrderFreezeBody): Promise<FreezeProgressBody>;
  thaw(freeze: string, reason: string): Promise<FreezeBody>;
  /** Newest first. `all`: also those that have ended. */
  freezes(filter?: { readonly all?: boolean }, page?: PageRequest): Promise<FreezePage>;
  freezeProgress(freeze: string): Promise<FreezeProgressBody>;
  /** The call of a recorded action, or of a tool and its resources, must not be repeated. */
  fence(fence: SetFenceBody): Promise<FenceBody>;
  /** Newest first. `all`: also those that have ended. */
  fences(filter?: { readonly all?: boolean; readonly run?: string }, page?: PageRequest): Promise<FencePage>;
  showFence(fence: string): Promise<FenceBody>;
  /** Lets exactly one repetition through. */
  allowFenced(fence: string, reason: string): Promise<FenceBody>;
  endFence(fence: string, reason: string): Promise<FenceBody>;
  /** For recorders. `applied`: version of the freezes that the recorder obeys. */
  lease(request: {
    readonly source: string;
    readonly agent: string;
    readonly applied: number;
    readonly waitMs?: number;
    readonly fences?: boolean;
  }): Promise<LeaseBody>;
  /** For recorders over Kafka: whether a fence stops a call. */
  askFence(call: FenceQuestion): Promise<FenceAnswer>;
  /** For the rollback service: returns once what Kafka has is recorded, or after `waitMs`. */
  reachTopics(waitMs: number): Promise<ReachedTopicsBody>;
  logs(): Promise<LogList['items']>;
  /** Newest first. `gaps`: only sources with gaps, duplicates, equivocations or silence; `totals`: include totals over all sources. */
  sources(filter?: { readonly gaps?: boolean; readonly totals?: boolean }, page?: PageRequest): Promise<SourcePage>;
  /** `code`: error codes to filter by. */
  deadLetters(page?: PageRequest & { readonly code?: readonly string[] }): Promise<Page<DeadLetterBody>>;
  keys(): Promise<readonly KeyBody[]>;
  createKey(key: CreateKeyBody): Promise<CreatedKey>;
  /** Creates a successor; the old key stays valid for the overlap. */
  rotateKey(keyId: string, rotation?: RotateKeyBody): Promise<RotatedKey>;
  revokeKey(keyId: string): Promise<void>;
  /** Verifier keys of the ledger, one per line. */
  vkeys(): Promise<string>;
  /** The newest checkpoint of a log: a signed note. */
  checkpoint(shard: number): Promise<string>;
  /** A .tlog-proof file. @param attempt default: the last one */
  receipt(action: string, attempt?: number): Promise<string>;
  /** Declares that a log was restored from an older copy, and starts a new epoch. */
  openEpoch(shard: number, reason: string): Promise<OpenedEpoch>;
}

export function ledgerClient(transport: Transport): LedgerClient {
  const call = <T>(route: RouteDescriptor, rest: Omit<Parameters<Transport>[0], 'method' | 'path'> = {}) =>
    transport<T>({ method: route.method.toUpperCase(), path: route.path, ...rest });
  return {
    health: () => call(getHealth, { answers: [503] }),
    healthDetails: () => call(getHealthDetails),
    submitEvent: (body) => call(submitEvents, { bytes: { body, mediaType: MEDIA_TYPE_EVENT } }),
    submitBatch: async (events) =>
      (await call<BatchReceipts>(submitEvents, { bytes: { body: joinBatch(events), mediaType: MEDIA_TYPE_BATCH } })).receipts,
    putPart: (digest, salt, body) =>
      call(putPart, { params: { digest }, headers: { 'recant-salt': salt }, bytes: { body, mediaType: 'application/octet-stream' } }),
    part: (digest) => call(getPart, { params: { digest } }),
    unsealPart: (digest) => call(unsealPart, { params: { digest } }),
    createDataKey: (subject) => call(createDataKey, { json: { subject } }),
    eraseSubject: (subject) => call(eraseSubject, { params: { subject } }),
    erasure: (subject) => call(showErasure, { params: { subject } }),
    durability: (source, id) => call(getDurability, { query: { source, id } }),
    attempts: (filter, page) => call(listAttempts, { query: { ...filter, ...page } }),
    settle: (action, settlement) => call(settleAttempt, { params: { action }, json: settlement }),
    action: (action, page) => call(showAction, { params: { action }, query: { ...page } }),
    acts: (filter, page) => call(listActs, { query: { ...filter, ...page } }),
    alarms: (filter, page) => call(listAlarms, { query: { ...filter, ...page } }),
    acknowledgeAlarm: (alarm, reason) => call(acknowledgeAlarm, { params: { alarm }, json: { reason } }),
    freeze: (order) => call(orderFreeze, { json: order }),
    thaw: (freeze, reason) => call(thawFreeze, { params: { freeze }, json: { reason } }),
    freezes: (filter, page) => call(listFreezes, { query: { ...filter, ...page } }),
    freezeProgress: (freeze) => call(showFreeze, { params: { freeze } }),
    fence: (fence) => call(setFence, { json: fence }),
    fences: (filter, page) => call(listFences, { query: { ...filter, ...page } }),
    showFence: (fence) => call(showFence, { params: { fence } }),
    allowFenced: (fence, reason) => call(allowFenced, { params: { fence }, json: { reason } }),
    endFence: (fence, reason) => call(endFence, { params: { fence }, json: { reason } }),
    reachTopics: (waitMs) => call(reachTopics, { query: { waitMs } }),
    askFence: (question) => call(askFence, { json: question }),
    lease: (request) => call(takeLease, { json: request }),
    logs: async () => (await call<LogList>(listLogs)).items,
    sources: (filter, page) => call(listSources, { query: { ...filter, ...page } }),
    deadLetters: (page) => call(listDeadLetters, { query: { ...page } }),
    keys: async () => (await call<KeyList>(listKeys)).items,
    createKey: (key) => call(createKey, { json: key }),
    rotateKey: (keyId, rotation = {}) => call(rotateKey, { params: { keyId }, json: rotation }),
    revokeKey: (keyId) => call(revokeKey, { params: { keyId } }),
    vkeys: () => call(getVkeys, { text: true }),
    checkpoint: (shard) => call(getCheckpoint, { params: { shard }, text: true }),
    receipt: (action, attempt) => call(getReceipt, { params: { action }, query: { attempt }, text: true }),
    openEpoch: (shard, reason) => call(openEpoch, { params: { shard }, json: { reason } }),
  };
}
