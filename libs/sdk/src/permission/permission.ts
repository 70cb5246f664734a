import { RecantError } from '../error.ts';
import type { Settings } from '../settings.ts';
import type { LeaseAnswer } from '../transport.ts';
import { withTimeout } from '../with-timeout.ts';
import { createFenceKeys, type FencedCall } from './fence-keys.ts';
import type { FenceRule } from './fence-rule.ts';
import type { FreezeRule } from './freeze-rule.ts';

/** What is known of an action before it starts. */
export interface StartingAction {
  readonly tool: string;
  readonly session: string | undefined;
  readonly onBehalfOf: string | undefined;
}

/** Whether actions of this recorder may start: it holds a lease of the ledger, and no freeze forbids the action. */
export interface Permission {
  /** Begins to ask for leases; reports `freeze_unavailable` if the transport has none. */
  start(): void;
  /** Waits at most `ms` for a lease. @returns whether actions may start now, apart from freezes */
  held(ms: number): Promise<boolean>;
  /** The freeze that forbids this action, as far as this recorder knows. Call it last, in the same turn in which the action starts. */
  frozen(action: StartingAction): FreezeRule | undefined;
  /** The fence that stops this call, if nobody answers its intent. Asks the ledger only about calls that may be fenced. @throws TransportError */
  fenced(call: FencedCall): Promise<FenceRule | undefined>;
  /** Why there is no lease. */
  readonly lastError: unknown;
  stop(): void;
}

/** Longest wait of a request, in milliseconds. */
const WAIT_MS = 2_000;
/** Shortest time between two requests, in milliseconds, unless the freezes changed. */
const PACE_MS = 250;
const BACKOFF_MS_MAX = 2_000;

/**
 * A lease counts from the moment at which its request was sent, so it ends here before it ends in the ledger. It ends by the monotonic clock and by the
 * wall clock, whichever is first: the monotonic clock of a suspended machine stands still. Without `transport.lease` every action may start.
 */
export function createPermission(settings: Pick<Settings, 'transport' | 'source' | 'agent' | 'clock' | 'onProblem'>): Permission {
  const { transport, source, agent, clock, onProblem } = settings;
  const stopping = new AbortController();
  let freezes: readonly FreezeRule[] = [];
  const fenceKeys = createFenceKeys(settings);
  let applied = 0;
  let lease: { readonly sentAt: Instant; readonly lengthMs: number } | undefined;
  let lastError: unknown;
  let started = false;
  const waiting: (() => void)[] = [];

  const now = (): Instant => ({ monotonicMs: performance.now(), wallMs: clock() });
  const isHeld = (): boolean => {
    if (transport.lease === undefined) return true;
    return lease !== undefined && elapsedMs(lease.sentAt, now()) < lease.lengthMs;
  };
  const obey = (answer: LeaseAnswer, sentAt: Instant): void => {
    freezes = answer.freezes;
    fenceKeys.learn(answer);
    applied = answer.version;
    lastError = undefined;
    if (!answer.granted) return;
    lease = { sentAt, lengthMs: answer.leaseMs };
    for (const proceed of waiting.splice(0)) proceed();
  };
  const ask = async (take: NonNullable<Settings['transport']['lease']>): Promise<void> => {
    for (let failures = 0, waitMs = 0; !stopping.signal.aborted; ) {
      const sentAt = now();
      const before = applied;
      try {
        obey(await take({ source, agent, applied, waitMs, ...fenceKeys.wanted }, stopping.signal), sentAt);
        [failures, waitMs] = [0, WAIT_MS];
        if (applied === before) await pause(PACE_MS - elapsedMs(sentAt, now()), stopping.signal);
      } catch (error) {
        lastError = error;
        waitMs = 0;
        await pause(Math.min(BACKOFF_MS_MAX, 100 * 2 ** failures), stopping.signal);
        failures += 1;
      }
    }
  };

  return {
    start() {
      if (started) return;
      started = true;
      if (transport.lease !== undefined) return void ask(transport.lease);
      const detail = 'because its transport cannot ask the ledger: pass the ledger’s `url` to kafkaTransport.';
      onProblem(new RecantError('freeze_unavailable', `No freeze stops this agent, ${detail}`));
    },
    async held(ms) {
      const end = performance.now() + ms;
      while (!isHeld() && !stopping.signal.aborted) {
        const granted = new Promise<true>((resolve) => waiting.push(() => resolve(true)));
        if ((await withTimeout(granted, end - performance.now())) === undefined) return isHeld();
      }
      return isHeld();
    },
    frozen: (action) => freezes.find((rule) => matches(rule, agent, action)),
    fenced: (call) => fenceKeys.ask(call, stopping.signal),
    get lastError() {
      return lastError;
    },
    stop() {
      stopping.abort();
      for (const proceed of waiting.splice(0)) proceed();
    },
  };
}

interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
}
const elapsedMs = (from: Instant, to: Instant): number => Math.max(to.monotonicMs - from.monotonicMs, to.wallMs - from.wallMs);

/** Does not keep the process running. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(end, ms).unref();
    function end(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    }
    signal.addEventListener('abort', end);
  });
}

function matches({ scope, value }: FreezeRule, agent: string, { tool, session, onBehalfOf }: StartingAction): boolean {
  switch (scope) {
    case 'agent':
      return value === agent;
    case 'principal':
      return value === onBehalfOf;
    case 'session':
      return value === session;
    case 'tool':
      return value === tool;
    default:
      // `tenant`, and scopes of a later version: a scope that this version does not know forbids everything.
      return true;
  }
}
