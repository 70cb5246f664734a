import type { HealthCheck, Logger } from '@recant/service';
import type { QueuedMessage, TenantCondition, WebhookState, Webhooks } from '@recant/store';
import { ofOperator } from '../alarm-watch.ts';
import { createLoop } from '../loop.ts';
import { type PostLimits, WebhookError } from './post.ts';
import type { Webhook } from './read-webhooks.ts';
import { isAccepted, retryDelayMs } from './retry.ts';
import { sendMessage } from './send.ts';
import type { AlarmMessage } from './shown.ts';

export interface WebhookTiming {
  /** Milliseconds between two looks for messages. */
  readonly everyMs: number;
  /** Milliseconds between two rounds of upkeep: limits, and what is shown. */
  readonly upkeepMs: number;
  /** Milliseconds for which a message is claimed: more than one attempt takes. A crash delays it by as much. */
  readonly holdMs: number;
  /** Milliseconds that a webhook may fail before it is an alarm. */
  readonly failingMs: number;
  /** Milliseconds after which a message is given up. */
  readonly ageMs: number;
  /** Messages of one tenant that wait for one webhook; above it, the oldest are given up. */
  readonly ofTenantMax: number;
  readonly post?: PostLimits;
  /** Milliseconds until the next attempt. Default: retryDelayMs. */
  readonly delayMs?: (tries: number, askedMs?: number) => number;
}

const TIMING: WebhookTiming = {
  everyMs: 2_000,
  upkeepMs: 10_000,
  holdMs: 60_000,
  failingMs: 120_000,
  ageMs: 86_400_000,
  ofTenantMax: 500,
};
/** Requests at once to a webhook that works; one that fails gets one at a time. */
const AT_ONCE = 4;
/** Milliseconds for which messages that were given up are an alarm. */
const DROPPED_MS = 3_600_000;

export interface WebhookDeps {
  readonly webhooks: readonly Webhook[];
  readonly store: Webhooks;
  readonly logger: Logger;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
  readonly timing?: Partial<WebhookTiming> | undefined;
}

export interface WebhookDelivery {
  readonly health: HealthCheck;
  /** Of the last upkeep. */
  states(): readonly WebhookState[];
  /** One for each webhook that fails, or for which messages were given up lately. */
  conditions(): readonly TenantCondition[];
  start(): void;
  /** Running requests are cut off; their messages are sent again. */
  stop(): Promise<void>;
}

/** Sends what the store has queued for the webhooks. Each has a loop of its own, so that none delays another, and none is in the way of a commit. */
export function createWebhookDelivery({ webhooks, store, logger, clock, timing: given }: WebhookDeps): WebhookDelivery {
  const timing = { ...TIMING, ...given };
  const stop = new AbortController();
  let states: readonly WebhookState[] = [];
  const names = webhooks.map(({ name }) => name);
  const upkeep = async (): Promise<void> => {
    await store.register(webhooks);
    for (const name of names) {
      const dropped = await store.drop(name, timing);
      if (dropped > 0) logger.warn({ webhook: name, dropped }, 'webhooks: messages were given up');
    }
    states = await store.states(names);
  };
  const deps = { store, clock, timing, signal: stop.signal };
  const loops = [
    createLoop('upkeep', timing.upkeepMs, upkeep, logger),
    ...webhooks.map((webhook) => createLoop(`webhook ${webhook.name}`, timing.everyMs, senderOf(webhook, deps), logger)),
  ];
  const conditions = () => states.flatMap((state) => conditionOf(state, clock(), timing.failingMs) ?? []);
  return {
    states: () => states,
    conditions,
    health: async () => {
      const found = conditions();
      if (found.length === 0) return { status: 'ok' };
      return { status: 'degraded', elsewhere: true, detail: found.map(({ detail, action }) => `${detail} ${action}`).join(' ') };
    },
    start() {
      for (const loop of loops) loop.start();
    },
    async stop() {
      stop.abort();
      await Promise.all(loops.map((loop) => loop.stop()));
    },
  };
}

interface SenderDeps extends Pick<WebhookDeps, 'store' | 'clock'> {
  readonly timing: WebhookTiming;
  readonly signal: AbortSignal;
}

/** One round: sends what is due until nothing is, or until an attempt fails. */
function senderOf(webhook: Webhook, { store, clock, timing, signal }: SenderDeps): (stopping: () => boolean) => Promise<void> {
  let works = true;
  const delayMs = timing.delayMs ?? ((tries, askedMs) => retryDelayMs(tries, Math.random(), askedMs));

  async function attempt(message: QueuedMessage): Promise<boolean> {
    let failure: string;
    let askedMs: number | undefined;
    try {
      const answer = await sendMessage(webhook, toSend(message), clock(), signal, timing.post);
      if (isAccepted(answer)) {
        await store.accepted(webhook.name, message);
        return true;
      }
      failure = `answered ${answer.status}`;
      askedMs = answer.retryAfterMs;
    } catch (error) {
      if (!(error instanceof WebhookError)) {
        if (!signal.aborted) throw error;
        await store.release(webhook.name, message);
        return false;
      }
      failure = error.message;
    }
    await store.failed(webhook.name, message, failure, delayMs(message.tries, askedMs));
    return false;
  }

  return async (stopping) => {
    while (!stopping()) {
      const claimed = await store.claim(webhook.name, works ? AT_ONCE : 1, timing.holdMs);
      if (claimed.length === 0) return;
      const tried = await Promise.allSettled(claimed.map(attempt));
      const broken = tried.find((one) => one.status === 'rejected');
      if (broken !== undefined) throw broken.reason;
      works = tried.every((one) => one.status === 'fulfilled' && one.value);
      if (!works) return;
    }
  };
}

function toSend({ ends, tries: _, ...message }: QueuedMessage): AlarmMessage {
  return { ...message, type: ends ? 'alarm.ended' : 'alarm.started' };
}

const CHECK =
  'Check its address, its secret and its receiver with `recant webhooks test`; messages are sent again for a day, at least every 5 minutes.';

/** Its text stays the same while the condition lasts. */
function conditionOf({ name, failing, droppedAtMs }: WebhookState, nowMs: number, failingMs: number): TenantCondition | undefined {
  const fails = failing !== undefined && nowMs - failing.sinceMs >= failingMs;
  const lost = droppedAtMs !== undefined && nowMs - droppedAtMs < DROPPED_MS;
  if (!fails && !lost) return undefined;
  const detail = [
    ...(fails ? [`The webhook ${name} has accepted nothing since ${new Date(failing.sinceMs).toISOString()}: ${failing.failure}.`] : []),
    ...(lost ? [`Messages for the webhook ${name} were given up; \`recant alarms --all\` has what they said.`] : []),
  ];
  return ofOperator('webhook_failing', name, detail.join(' '), CHECK);
}
