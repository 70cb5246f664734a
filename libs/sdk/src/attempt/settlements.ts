import { eventId } from '@recant/events';
import { createEffectRedactor } from '@recant/redaction';
import { RecantError } from '../error.ts';
import type { Outbox } from '../outbox/outbox.ts';
import type { Settings } from '../settings.ts';
import { type Intent, type OutcomeRedaction, settle, type ToolOutcome } from './attempt-events.ts';
import type { Captures } from './captures.ts';
import type { EncodeContent } from './content-encoder.ts';
import type { ReportedResult } from './context.ts';

/** An attempt whose intent is queued. */
export interface UnsettledAttempt {
  readonly intent: Intent;
  readonly captures: Captures;
  readonly reported: ReportedResult;
  readonly subject: string;
}

/** Settles attempts and records which settlements are still missing; `close()` reports those. */
export interface Settlements {
  /** Ids of settlement events that are due: added when the intent is queued, removed when the settlement is answered. */
  readonly due: ReadonlySet<string>;
  /** Settlements that are read, queued, or not answered yet. */
  readonly inProgress: ReadonlySet<Promise<void>>;
  /** Ids of settlement events that could not be made. */
  readonly failed: ReadonlySet<string>;
  expect(intent: Intent): void;
  /** Never rejects: the tool's result or error must reach its caller whatever happens to the record. */
  settle(attempt: UnsettledAttempt, outcome: Omit<ToolOutcome, 'result'>): Promise<void>;
}

export function createSettlements(outbox: Outbox, { redactor, onProblem }: Settings, encode: EncodeContent): Settlements {
  const redaction: OutcomeRedaction = { redactEffect: createEffectRedactor(redactor), maskText: redactor.text };
  const due = new Set<string>();
  const inProgress = new Set<Promise<void>>();
  const failed = new Set<string>();

  const reportedUnused = new Set<string>();
  const reportUnused = ({ intent, captures }: UnsettledAttempt): void => {
    const { tool, reversibility } = intent.data;
    if (reversibility === 'read') return;
    for (const name of captures.unused()) {
      const key = JSON.stringify([tool, name]);
      if (reportedUnused.has(key) || reportedUnused.size >= UNUSED_REPORTS_MAX) continue;
      reportedUnused.add(key);
      onProblem(handleUnused(tool, name));
    }
  };

  const resultOf = async ({ reported, subject }: UnsettledAttempt): ToolOutcome['result'] => {
    if (reported.value === undefined) return undefined;
    try {
      return await encode(reported.value, 'result', subject);
    } catch (error) {
      onProblem(error as RecantError);
      return undefined;
    }
  };

  const settleAndRelease = async (unsettled: UnsettledAttempt, outcome: Omit<ToolOutcome, 'result'>): Promise<void> => {
    const { intent, captures } = unsettled;
    // Encoding may fetch a key; the systems are read meanwhile.
    const result = resultOf(unsettled);
    let answered: Promise<unknown> | undefined;
    try {
      const { delivery, masked } = await settle(outbox, intent, captures, { ...outcome, result }, redaction);
      if (outcome.outcome === 'succeeded') reportUnused(unsettled);
      if (masked.rule !== undefined) onProblem(effectMasked(intent, masked.effects, masked.rule));
      answered = delivery;
    } catch (cause) {
      failed.add(settlementId(intent));
      onProblem(settlementFailed(intent, cause));
    }
    await captures.release();
    await answered;
  };

  return {
    due,
    inProgress,
    failed,
    expect: (intent) => void due.add(settlementId(intent)),
    settle(unsettled, outcome) {
      const settling = settleAndRelease(unsettled, outcome).finally(() => {
        due.delete(settlementId(unsettled.intent));
        inProgress.delete(settling);
      });
      inProgress.add(settling);
      return settling;
    },
  };
}

/** Pairs of tool and system that are reported, each once. */
const UNUSED_REPORTS_MAX = 1_000;

const settlementId = ({ ref }: Intent): string => eventId.settled(ref.action, ref.attempt);

function handleUnused(tool: string, system: string): RecantError {
  return new RecantError(
    'handle_unused',
    `Tool ${tool} succeeded without using system ${system}, which its action declares, and nothing was recorded there. Use context.on(${system}) or a client recorded through it, or do not declare the system.`,
  );
}

function settlementFailed({ ref }: Intent, cause: unknown): RecantError {
  const reason = cause instanceof Error ? cause.message : cause;
  return new RecantError(
    'settlement_failed',
    `Attempt ${ref.attempt} of ${ref.action} ran, but its effects could not be recorded: ${reason}`,
    {
      cause,
    },
  );
}

function effectMasked({ ref }: Intent, effects: number, rule: string): RecantError {
  return new RecantError(
    'effect_masked',
    `Attempt ${ref.attempt} of ${ref.action} has ${effects} effects on resources whose names match the redaction rule ${rule}. They are recorded under masked names, and the attempt cannot be undone.`,
    { finding: { rule, place: 'effects' } },
  );
}
