import { RecantError } from '../error.ts';
import type { RecantOptions } from '../options.ts';
import type { Delivery, Outbox } from '../outbox/outbox.ts';
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
  readonly context: ActionContext;
  /** Settles the attempt. Resolves once the ledger has answered the settlement, or has been silent for `ackTimeoutMs`. Never rejects. */
  end(outcome: Omit<ToolOutcome, 'durationMs' | 'result'>): Promise<void>;
}

export interface AttemptsOptions {
  readonly outbox: Outbox;
  readonly settings: Settings;
  readonly who: Pick<RecantOptions, 'session' | 'model' | 'agentVersion' | 'onBehalfOf'>;
  readonly trace: () => TraceContext;
}

export interface Attempts {
  begin(input: ActionInput): Promise<RunningAttempt>;
  readonly settlements: Pick<Settlements, 'due' | 'inProgress' | 'failed'>;
}

/**
 * I1: `begin` resolves only when every image is durable and the intent is acknowledged, so a tool that waits for it has no effect without a record.
 * If it rejects, the tool must not run; an intent that was queued is settled `denied`.
 */
export function createAttempts({ outbox, settings, who, trace }: AttemptsOptions): Attempts {
  const { source, clock, random, ackTimeoutMs, onProblem, redactor } = settings;
  const encode = createContentEncoder({ redactor, sealer: settings.sealer, random });
  const settlements = createSettlements(outbox, settings, encode);
  const number = createNumbering(clock, random);

  const begin = async (input: ActionInput): Promise<RunningAttempt> => {
    const { systems, ...redacted } = await redactAndSeal(input, who, settings, encode);
    const intent: Intent = { ref: { source, ...number(input) }, ...redacted, trace: redactTrace(trace(), redactor) };
    const failClosed = input.failClosed !== false;
    if (failClosed) outbox.checkCapacity();
    const startedMs = clock();
    const captures = await captureAll(intent.ref, systems);
    const reported: ReportedResult = { value: undefined };
    const context = contextFor(intent, captures, reported, onProblem);
    try {
      const answer = pushIntent(outbox, intent, redactBefore(captures.before, redactor));
      if (failClosed) await requireAcknowledgement(answer, intent, startedMs);
      else void reportRefusal(answer, onProblem);
    } catch (error) {
      if (failClosed || !(error instanceof RecantError) || error.code !== 'queue_full') {
        await captures.release();
        throw error;
      }
      onProblem(error);
      return { context, end: () => captures.release() };
    }
    settlements.expect(intent);
    const unsettled = { intent, captures, reported, subject: input.subject ?? settings.subject };
    return {
      context,
      end(outcome) {
        const settling = settlements.settle(unsettled, { ...outcome, durationMs: clock() - startedMs });
        return waitWhileAnswering(settling, outbox, ackTimeoutMs);
      },
    };
  };

  /** @throws RecantError `refused | ledger_unavailable | key_refused | closed` */
  const requireAcknowledgement = async (answer: Promise<Delivery>, intent: Intent, startedMs: number): Promise<void> => {
    const delivery = await withTimeout(answer, ackTimeoutMs);
    if (delivery?.kind === 'acknowledged') return;
    if (delivery?.kind === 'refused') throw refusedBy(delivery, 'The ledger refused the intent, so the tool did not run');
    if (delivery?.kind === 'abandoned')
      throw new RecantError('closed', 'The recorder was closed before the intent was acknowledged, so the tool did not run.');
    void settleDenied(outbox, intent, clock() - startedMs);
    throw new RecantError(
      outbox.lastError instanceof KeyRefused ? 'key_refused' : 'ledger_unavailable',
      `The ledger did not acknowledge the intent within ${ackTimeoutMs} ms, so the tool did not run.${outbox.lastErrorText}`,
      { cause: outbox.lastError },
    );
  };

  return {
    async begin(input) {
      try {
        return await begin(input);
      } catch (error) {
        throw error instanceof RecantError ? printable(error, redactor.text) : error;
      }
    },
    settlements,
  };
}

/** For an intent that no caller waits for. */
async function reportRefusal(answer: Promise<Delivery>, onProblem: Settings['onProblem']): Promise<void> {
  const delivery = await answer;
  if (delivery.kind === 'refused') onProblem(refusedBy(delivery, 'The ledger refused the intent of a read-only tool'));
}

/** Waits for `settling` for as long as the ledger keeps answering, or no event is queued. */
async function waitWhileAnswering(settling: Promise<void>, outbox: Outbox, silenceMs: number): Promise<void> {
  const done = settling.then(() => true);
  for (let answered = outbox.answered; ; answered = outbox.answered) {
    if ((await withTimeout(done, silenceMs)) === true) return;
    if (!outbox.isEmpty && outbox.answered === answered) return;
  }
}
