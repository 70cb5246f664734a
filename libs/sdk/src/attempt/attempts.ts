import { callKey, type Reversibility } from '@recant/events';
import { RecantError } from '../error.ts';
import type { RecantOptions } from '../options.ts';
import type { Delivery, Outbox } from '../outbox/outbox.ts';
import type { FenceRule } from '../permission/fence-rule.ts';
import type { Permission, StartingAction } from '../permission/permission.ts';
import { printable } from '../redaction/printable-error.ts';
import type { Settings } from '../settings.ts';
import { refusedBy } from '../source.ts';
import type { TraceContext } from '../trace.ts';
import { KeyRefused } from '../transport.ts';
import { withTimeout } from '../with-timeout.ts';
import type { ActionInput } from './action-input.ts';
import { type Intent, pushIntent, settleDenied, type ToolOutcome } from './attempt-events.ts';
import { captureAll } from './captures.ts';
import { createContentEncoder } from './content-encoder.ts';
import { type ActionContext, contextFor, type ReportedResult } from './context.ts';
import { createNumbering } from './numbering.ts';
import { redactAndSeal, redactBefore, redactTrace } from './redact-and-seal.ts';
import { createSettlements, type Settlements } from './settlements.ts';

/** An attempt whose tool may run. */
export interface RunningAttempt {
  readonly context: Omit<ActionContext, 'signal'>;
  /** What the action is declared as. */
  readonly reversibility: Reversibility;
  /** Runs a part of the tool. */
  run<T>(work: () => T): T;
  /** Settles the attempt. Resolves once the systems that must be read at once are read; the ledger answers in the background. Never rejects. */
  end(outcome: Omit<ToolOutcome, 'durationMs' | 'result'>): Promise<void>;
}

export interface AttemptsOptions {
  readonly outbox: Outbox;
  readonly settings: Settings;
  readonly permission: Permission;
  readonly who: Pick<RecantOptions, 'session' | 'model' | 'agentVersion' | 'onBehalfOf'>;
  readonly trace: () => TraceContext;
}

export interface Attempts {
  /** Copies the arguments before it returns. @param opened the recorder's opening, if the attempt has to wait for it */
  begin(input: ActionInput, opened?: Promise<void>): Promise<RunningAttempt>;
  readonly settlements: Pick<Settlements, 'due' | 'inProgress' | 'failed'>;
}

/**
 * I1: `begin` resolves only when every image is durable and the intent is acknowledged, so a tool that waits for it has no effect without a record.
 * If it rejects, the tool must not run; an intent that was queued is settled `denied`.
 */
export function createAttempts({ outbox, settings, permission, who, trace }: AttemptsOptions): Attempts {
  const { source, clock, random, ackTimeoutMs, onProblem, redactor } = settings;
  const encode = createContentEncoder({ redactor, sealer: settings.sealer, random });
  const settlements = createSettlements(outbox, settings, encode);
  const number = createNumbering(clock, random);

  const begin = async (input: ActionInput, opened?: Promise<void>): Promise<RunningAttempt> => {
    // Until it is awaited.
    opened?.catch(() => undefined);
    const { systems, ...redacted } = await redactAndSeal(input, who, settings, encode);
    await opened;
    const intent: Intent = { ref: { source, ...number(input) }, ...redacted, trace: redactTrace(trace(), redactor) };
    const waits = input.durability !== 'none';
    if (waits) checkCapacity(outbox, settlements, settings.queueEventsMax);
    const startedMs = clock();
    const captures = await captureAll(intent.ref, systems, settings.systems);
    const reported: ReportedResult = { value: undefined };
    const context = contextFor(intent, captures, reported, onProblem);
    const running = { context, reversibility: intent.data.reversibility, run: captures.run };
    try {
      const holdsLease = waits && (await permission.held(0));
      const answer = pushIntent(outbox, intent, redactBefore(captures.before, redactor));
      const deny: Deny = (error) => void settleDenied(outbox, intent, clock() - startedMs, error);
      const starting = { tool: input.tool, session: input.session ?? who.session, onBehalfOf: input.onBehalfOf ?? who.onBehalfOf };
      if (waits) {
        // Of a freeze that is known, intent and denial are sent together, so that the attempt is never open.
        const known = holdsLease ? denied(permission, starting, deny) : undefined;
        await requirePermission(answer, intent, known, { outbox, permission, ackTimeoutMs, deny });
      } else void reportRefusal(answer, onProblem);
      const freeze = denied(permission, starting, deny);
      if (freeze !== undefined) throw freeze;
    } catch (error) {
      if (waits || !(error instanceof RecantError) || error.code !== 'queue_full') {
        await captures.release();
        throw error;
      }
      onProblem(error);
      return {
        ...running,
        end() {
          captures.end();
          return captures.release();
        },
      };
    }
    settlements.expect(intent);
    const unsettled = { intent, captures, reported, subject: input.subject ?? settings.subject };
    return {
      ...running,
      end(outcome) {
        captures.end();
        const settling = settlements.settle(unsettled, { ...outcome, durationMs: clock() - startedMs });
        return waitWhileAnswering(Promise.race([captures.read, settling]), outbox, ackTimeoutMs);
      },
    };
  };

  return {
    async begin(input, opened) {
      try {
        return await begin(input, opened);
      } catch (error) {
        throw error instanceof RecantError ? printable(error, redactor.text) : error;
      }
    },
    settlements,
  };
}

/** Settlements that are being read are bounded like queued events. @throws RecantError `queue_full` */
function checkCapacity(outbox: Outbox, { inProgress }: Pick<Settlements, 'inProgress'>, max: number): void {
  outbox.checkCapacity();
  if (inProgress.size < max) return;
  throw new RecantError('queue_full', `${inProgress.size} settlements are not acknowledged yet. Try again later.`);
}

/**
 * The intent is acknowledged, the recorder has a lease, and no fence stops the call.
 * @param known what a known freeze denied: thrown once the ledger has it, so that a caller that tries again waits as well
 * @throws RecantError
 */
async function requirePermission(
  answer: Promise<Delivery>,
  intent: Intent,
  known: RecantError | undefined,
  { permission, ...ports }: AcknowledgementPorts & { readonly permission: Permission },
): Promise<void> {
  const { ackTimeoutMs, deny } = ports;
  if (known !== undefined) {
    await withTimeout(answer, ackTimeoutMs);
    throw known;
  }
  const fenced = await requireAcknowledgement(answer, ports);
  await requireLease(permission, ackTimeoutMs, deny);
  if (intent.data.reversibility !== 'read') requireUnfenced(fenced ?? (await askFence(permission, intent, deny)), deny);
}

interface AcknowledgementPorts {
  readonly outbox: Outbox;
  readonly ackTimeoutMs: number;
  readonly deny: Deny;
}

/** Queues the settlement of the attempt, whose tool does not run. */
type Deny = (error: { readonly code: string; readonly message: string }) => void;

/** @returns the fence that stops the call. @throws RecantError `refused | ledger_unavailable | key_refused | closed` */
async function requireAcknowledgement(
  answer: Promise<Delivery>,
  { outbox, ackTimeoutMs, deny }: AcknowledgementPorts,
): Promise<FenceRule | undefined> {
  const delivery = await withTimeout(answer, ackTimeoutMs);
  if (delivery?.kind === 'acknowledged') return delivery.fenced;
  if (delivery?.kind === 'refused') throw refusedBy(delivery, 'The ledger refused the intent, so the tool did not run');
  if (delivery?.kind === 'abandoned')
    throw new RecantError('closed', 'The recorder was closed before the intent was acknowledged, so the tool did not run.');
  deny({ code: 'ledger_unavailable', message: 'The ledger did not acknowledge the intent in time; the tool did not run.' });
  throw new RecantError(
    outbox.lastError instanceof KeyRefused ? 'key_refused' : 'ledger_unavailable',
    `The ledger did not acknowledge the intent within ${ackTimeoutMs} ms, so the tool did not run.${outbox.lastErrorText}`,
    { cause: outbox.lastError },
  );
}

/** @throws RecantError `ledger_unavailable | key_refused` */
async function requireLease(permission: Permission, waitMs: number, deny: Deny): Promise<void> {
  if (await permission.held(waitMs)) return;
  const { lastError } = permission;
  deny({ code: 'ledger_unavailable', message: 'The ledger granted no lease in time; the tool did not run.' });
  const why = lastError instanceof Error ? ` Last error: ${lastError.message}.` : '';
  throw new RecantError(
    lastError instanceof KeyRefused ? 'key_refused' : 'ledger_unavailable',
    `The ledger granted no lease within ${waitMs} ms, so this recorder may miss a freeze and the tool did not run.${why}`,
    { cause: lastError },
  );
}

/** The intent is queued already. @throws RecantError `ledger_unavailable` */
async function askFence(permission: Permission, { ref, data, encoded }: Intent, deny: Deny): Promise<FenceRule | undefined> {
  const { action, attempt } = ref;
  try {
    return await permission.fenced({ action, attempt, key: callKey({ ...data, arguments: encoded.content }) });
  } catch (cause) {
    deny({ code: 'ledger_unavailable', message: 'The ledger did not say whether a fence stops this call; the tool did not run.' });
    const why = cause instanceof Error ? ` Last error: ${cause.message}.` : '';
    throw new RecantError('ledger_unavailable', `The ledger did not say whether a fence stops this call, so the tool did not run.${why}`, {
      cause,
    });
  }
}

/** @throws RecantError `fenced` */
function requireUnfenced(fence: FenceRule | undefined, deny: Deny): void {
  if (fence === undefined) return;
  // The reason of a fence is not masked.
  deny({ code: 'fenced', message: `Fence ${fence.fence} stops this call; the tool did not run.` });
  throw new RecantError('fenced', `${fence.detail} The tool did not run.`, { fence });
}

/** I11: the last check before the tool runs; nothing is awaited after it. @returns why a freeze forbids the action, which is settled as denied */
function denied(permission: Permission, action: StartingAction, deny: Deny): RecantError | undefined {
  const freeze = permission.frozen(action);
  if (freeze === undefined) return undefined;
  const what = freeze.value === undefined ? 'The tenant' : `${freeze.scope === 'agent' ? 'Agent' : `The ${freeze.scope}`} ${freeze.value}`;
  const message = `${what} is frozen since ${freeze.orderedAt} by ${freeze.by}: ${freeze.reason}`;
  // The name of a session or principal may be masked in the record.
  deny({ code: 'frozen', message: `Freeze ${freeze.freeze} forbids this action; the tool did not run.` });
  return new RecantError('frozen', `${message} (freeze ${freeze.freeze}). The tool did not run.`, { freeze });
}

/** For an intent that no caller waits for. */
async function reportRefusal(answer: Promise<Delivery>, onProblem: Settings['onProblem']): Promise<void> {
  const delivery = await answer;
  if (delivery.kind === 'refused') onProblem(refusedBy(delivery, 'The ledger refused the intent of a read-only tool'));
}

/** Waits for `work` for as long as the ledger keeps answering, or no event is queued. */
async function waitWhileAnswering(work: Promise<void>, outbox: Outbox, silenceMs: number): Promise<void> {
  const done = work.then(() => true);
  for (let answered = outbox.answered; ; answered = outbox.answered) {
    if ((await withTimeout(done, silenceMs)) === true) return;
    if (!outbox.isEmpty && outbox.answered === answered) return;
  }
}
