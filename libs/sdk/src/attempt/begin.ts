import { eventId } from '@recant/events';
import { RecantError } from '../error.ts';
import type { Fate, Lane } from '../lane/lane.ts';
import type { RecantOptions, Settings } from '../options.ts';
import { printable } from '../redaction/problem.ts';
import { createWithholding } from '../redaction/resource.ts';
import { refusedBy } from '../source.ts';
import type { TraceContext } from '../trace.ts';
import { KeyRefused } from '../transport.ts';
import { within } from '../within.ts';
import { type Ended, type Intent, type Outlet, pushIntent, settle, settleDenied } from './attempt.ts';
import { type Captures, captureAll } from './captures.ts';
import { type ActionContext, contextFor, type Kept } from './context.ts';
import { describe, redactBefore, redactTrace } from './describe.ts';
import type { ActionInput } from './input.ts';
import { createKeep } from './keep.ts';
import { createNumbering } from './numbering.ts';

/** An attempt whose tool may run. */
export interface Begun {
  readonly context: ActionContext;
  /** Settles it. Resolves once the ledger has taken the settlement, or is silent for too long; never rejects. */
  end(ended: Omit<Ended, 'durationMs'>): Promise<void>;
}

export interface AttemptsOptions {
  readonly lane: Lane;
  readonly settings: Settings;
  readonly who: Pick<RecantOptions, 'session' | 'model' | 'agentVersion' | 'onBehalfOf'>;
  readonly trace: () => TraceContext;
}

/**
 * I1 for the SDK: `begin` resolves only when every image is durable and the intent acknowledged, so a tool that waits for it has no effect
 * without them. Where it rejects, the tool must not run; what was announced is settled `denied`.
 */
export function createAttempts({ lane, settings, who, trace }: AttemptsOptions) {
  const { source, clock, random, ackTimeoutMs, onProblem, redactor } = settings;
  const keep = createKeep({ redactor, sealer: settings.sealer, random });
  const outlet: Outlet = { withhold: createWithholding(redactor), mask: redactor.text };
  const number = createNumbering(clock, random);
  /** Ids of settlements that are due: from the intent on until they are answered. */
  const unsettled = new Set<string>();
  /** Settlements under way. */
  const endings = new Set<Promise<void>>();
  /** Ids of settlements that cannot be made. */
  const lost = new Set<string>();

  /** Waits for the intent. @throws RecantError `refused | ledger_unavailable | key_refused | closed` */
  const acknowledged = async (intent: Intent, answer: Promise<Fate>, startedMs: number): Promise<void> => {
    const fate = await within(answer, ackTimeoutMs);
    if (fate?.kind === 'acknowledged') return;
    if (fate?.kind === 'refused') throw refusedBy(fate, 'The ledger refused the intent, so the tool did not run');
    if (fate?.kind === 'abandoned') throw new RecantError('closed', 'Closed before the intent was acknowledged; the tool did not run.');
    void settleDenied(lane, intent, clock() - startedMs);
    throw new RecantError(
      lane.lastError instanceof KeyRefused ? 'key_refused' : 'ledger_unavailable',
      `The ledger did not acknowledge the intent within ${ackTimeoutMs} ms, so the tool did not run.${lane.whyNot}`,
      { cause: lane.lastError },
    );
  };

  /** Of an intent that nobody waits for. */
  const tellRefusal = async (answer: Promise<Fate>): Promise<void> => {
    const fate = await answer;
    if (fate.kind === 'refused') onProblem(refusedBy(fate, 'The ledger refused the intent of a tool that only reads'));
  };

  /** Never rejects: what the tool gave or threw goes to its caller, whatever became of the record. */
  const end = async (intent: Intent, captures: Captures, ended: Ended): Promise<void> => {
    const { action, attempt } = intent.ref;
    try {
      const { withheld } = await settle(lane, intent, captures, ended, outlet);
      if (withheld.rule !== undefined) onProblem(effectWithheld(intent, withheld.effects, withheld.rule));
    } catch (cause) {
      const message = `Attempt ${attempt} of ${action} ran, but its effects could not be recorded: ${cause instanceof Error ? cause.message : cause}`;
      lost.add(eventId.settled(action, attempt));
      onProblem(new RecantError('settlement_failed', message, { cause }));
    } finally {
      await captures.release();
    }
  };

  /** What the tool said to keep of its result. */
  const resultOf = async (given: Kept, subject: string): Promise<Pick<Ended, 'result'>> => {
    if (given.result === undefined) return {};
    try {
      return { result: await keep(given.result, 'result', subject) };
    } catch (error) {
      onProblem(error as RecantError);
      return {};
    }
  };

  const begin = async (input: ActionInput): Promise<Begun> => {
    const { systems, ...described } = await describe(input, who, settings, keep);
    const intent: Intent = { ref: { source, ...number(input) }, ...described, trace: redactTrace(trace(), redactor) };
    const open = input.failClosed === false;
    if (!open) lane.admit();
    const startedMs = clock();
    const captures = await captureAll(intent.ref, systems);
    const kept: Kept = { result: undefined };
    const context = contextFor(intent, captures, kept, onProblem);
    try {
      const answer = pushIntent(lane, intent, redactBefore(captures.before, redactor));
      if (!open) await acknowledged(intent, answer, startedMs);
      else void tellRefusal(answer);
    } catch (error) {
      if (!open || !(error instanceof RecantError) || error.code !== 'queue_full') {
        await captures.release();
        throw error;
      }
      onProblem(error);
      return { context, end: () => captures.release() };
    }
    const id = eventId.settled(intent.ref.action, intent.ref.attempt);
    unsettled.add(id);
    return {
      context,
      end(ended) {
        const durationMs = clock() - startedMs;
        const settling = async (): Promise<void> =>
          end(intent, captures, { ...ended, ...(await resultOf(kept, input.subject ?? settings.subject)), durationMs });
        const ending = settling().finally(() => {
          unsettled.delete(id);
          endings.delete(ending);
        });
        endings.add(ending);
        return patience(ending, lane, ackTimeoutMs);
      },
    };
  };

  /** What it throws may be printed: no text of it holds what a rule finds. */
  const beginPrintably = async (input: ActionInput): Promise<Begun> => {
    try {
      return await begin(input);
    } catch (error) {
      throw error instanceof RecantError ? printable(error, redactor.text) : error;
    }
  };

  return { begin: beginPrintably, unsettled, endings, lost };
}

function effectWithheld({ ref }: Intent, effects: number, rule: string): RecantError {
  return new RecantError(
    'effect_withheld',
    `${effects} effects of attempt ${ref.attempt} of ${ref.action} touched resources whose names the redaction rule ${rule} finds: they are recorded under masked names, and that attempt cannot be undone.`,
    { finding: { rule, place: 'effects' } },
  );
}

/** Waits for `ending` as long as the ledger answers anything, or has nothing to answer. */
async function patience(ending: Promise<void>, lane: Lane, silenceMs: number): Promise<void> {
  const done = ending.then(() => true);
  for (let answered = lane.answered; ; answered = lane.answered) {
    if ((await within(done, silenceMs)) === true) return;
    if (!lane.isEmpty && lane.answered === answered) return;
  }
}
