import { BATCH_EVENTS_MAX } from '@recant/events';
import { type Appender, type Credential, LedgerTampered, type Submission } from '@recant/ledger';
import type { Keyring, Logger, RateLimits } from '@recant/service';
import type { HeldBacklog, HeldMessage, HeldMessages, Parts, TenantCondition } from '@recant/store';
import { ofOperator } from './alarm-watch.ts';
import { payerOf } from './intake.ts';
import { partOf, refusalOfPart } from './kafka-parts.ts';
import { createLoop, type Loop } from './loop.ts';

/** Milliseconds between two rounds. */
const ROUND_MS = 1_000;

export interface HeldDeps {
  readonly held: HeldMessages;
  readonly appender: Appender;
  readonly parts: Pick<Parts, 'put'>;
  readonly keyring: Keyring;
  readonly limits: RateLimits;
  readonly logger: Logger;
  /** Partitions that this process reads, by topic. */
  readonly partitions: () => ReadonlyMap<string, readonly number[]>;
}

export interface HeldLoop extends Loop {
  /** For the operator, and for the tenant whose messages wait. */
  conditions(): readonly TenantCondition[];
}

/**
 * Records held messages: in order for each source, at most at the rate of their keys. A message is removed after its commit; one that is recorded twice after a
 * crash or by two processes is a duplicate.
 */
export function createHeldLoop(deps: HeldDeps): HeldLoop {
  const { held, partitions, logger } = deps;
  let waiting: readonly (HeldBacklog & { readonly topic: string })[] = [];
  const loop = createLoop(
    'held',
    ROUND_MS,
    async (stopping) => {
      const found: (HeldBacklog & { readonly topic: string })[] = [];
      for (const [topic, own] of partitions()) {
        const backlogs = await held.backlogs(topic, own);
        found.push(...backlogs.map((backlog) => ({ ...backlog, topic })));
        for (const backlog of backlogs) await recordAll(deps, topic, backlog, stopping);
      }
      waiting = found;
    },
    logger,
  );
  return {
    ...loop,
    get failure() {
      return loop.failure;
    },
    conditions: () => waiting.flatMap(conditionsOf),
  };
}

async function recordAll(deps: HeldDeps, topic: string, backlog: HeldBacklog, stopping: () => boolean): Promise<void> {
  const { held, logger } = deps;
  try {
    while (!stopping()) {
      const messages = await held.read(topic, backlog, BATCH_EVENTS_MAX);
      const done = await record(deps, backlog.tenant, messages);
      await held.remove(backlog.tenant, done);
      if (done.length < messages.length || messages.length === 0) return;
    }
  } catch (err) {
    // This log waits for its repair; the next one goes on.
    if (!(err instanceof LedgerTampered)) logger.debug({ err, tenant: backlog.tenant, shard: backlog.shard }, 'held: messages still wait');
  }
}

/** @returns ids of the messages that are recorded now */
async function record({ keyring, limits, parts, appender }: HeldDeps, tenant: string, messages: readonly HeldMessage[]): Promise<bigint[]> {
  const ids = [...new Set(messages.map(({ keyId }) => keyId))].filter((id) => id !== '');
  const keys = new Map(await Promise.all(ids.map(async (id) => [id, await keyring.find(id)] as const)));
  const indebted = new Set<string>();
  const behind = new Set<string>();
  const done: bigint[] = [];
  const submissions: Submission[] = [];
  for (const message of messages) {
    const key = keys.get(message.keyId);
    const credential = key && ('ended' in key ? key.was : key.credential);
    if (isOver(message, credential, limits, indebted, behind)) continue;
    const refused = message.refused ?? (await refusedPart(message, tenant, parts));
    if (refused !== undefined || message.part === undefined)
      submissions.push({ credential, bytes: message.bytes, origin: message.origin, ...(refused && { refused }) });
    done.push(message.id);
  }
  if (submissions.length > 0) await appender.append(submissions);
  return done;
}

/** Over its rate, or behind an event of its source that is. */
function isOver(
  { reason, refused, source, bytes }: HeldMessage,
  credential: Credential | undefined,
  limits: RateLimits,
  indebted: Set<string>,
  behind: Set<string>,
): boolean {
  if (reason !== 'rate' || refused !== undefined || credential === undefined) return source !== undefined && behind.has(source);
  const waits = (source !== undefined && behind.has(source)) || indebted.has(credential.keyId);
  if (!waits && limits.charge(payerOf(credential), { events: 1, bytes: bytes.length }) === undefined) return false;
  indebted.add(credential.keyId);
  if (source !== undefined) behind.add(source);
  return true;
}

async function refusedPart({ part, bytes }: HeldMessage, tenant: string, parts: HeldDeps['parts']) {
  if (part === undefined) return undefined;
  const [receipt] = await parts.put(tenant, [partOf(part, bytes)]);
  return receipt && refusalOfPart(receipt, bytes);
}

const ACTIONS: Readonly<Record<HeldBacklog['reason'], string>> = {
  log: 'Nothing is lost: they are recorded by themselves once the log accepts events. If its integrity check failed, see that alarm; if it is locked, find the session in pg_stat_activity.',
  rate: 'Nothing is lost: they are recorded at the rate of their key. Raise RECANT_RATE_KEY_EVENTS or the other rates if it is too low for this sender.',
};

function conditionsOf({ topic, partition, tenant, shard, messages, reason }: HeldBacklog & { readonly topic: string }): TenantCondition[] {
  const detail = `${messages} messages of ${topic}/${partition} wait for ${reason === 'log' ? `the log ${tenant}/${shard}` : 'the rate of their keys'}.`;
  const condition = ofOperator('messages_held', `${tenant}/${shard} of ${topic}/${partition}`, detail, ACTIONS[reason]);
  return tenant === condition.tenant ? [condition] : [condition, { ...condition, tenant }];
}
