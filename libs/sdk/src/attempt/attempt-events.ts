import { type AttemptIntended, type AttemptRef, type Effect, EventError, effectsDigest, eventId, type Outcome } from '@recant/events';
import type { RedactedEffect } from '@recant/redaction';
import { RecantError } from '../error.ts';
import type { Delivery, Outbox } from '../outbox/outbox.ts';
import type { TraceContext } from '../trace.ts';
import type { Before, Captures } from './captures.ts';
import { sendInChunks } from './chunks.ts';
import type { EncodedContent } from './content.ts';
import { toolErrorOf } from './tool-error.ts';

export interface Intent {
  readonly ref: AttemptRef;
  /** The tool's arguments. */
  readonly encoded: EncodedContent;
  readonly data: Omit<AttemptIntended, 'action' | 'attempt' | 'arguments' | 'before'>;
  readonly trace: TraceContext;
}

export interface ToolOutcome {
  readonly outcome: Outcome;
  readonly durationMs: number;
  readonly thrown?: { readonly value: unknown };
  /** The result that the tool reported. */
  readonly result: Promise<EncodedContent | undefined>;
}

/** Redaction of effects and of error texts. */
export interface OutcomeRedaction {
  readonly redactEffect: (effect: Effect) => RedactedEffect;
  readonly maskText: (text: string) => string;
}

export interface SettleResult {
  readonly delivery: Promise<Delivery>;
  /** Effects whose names were masked, and one of the rules that matched. */
  readonly masked: { readonly effects: number; readonly rule?: string };
}

/**
 * Queues the arguments' part, then the intent. Where `before` makes the event too large, versions are dropped from it, undeclared resources first:
 * the effects carry them again.
 * @throws RecantError `queue_full | too_large | options_invalid`
 */
export function pushIntent(outbox: Outbox, { ref, encoded, data, trace }: Intent, before: Before): Promise<Delivery> {
  const { action, attempt } = ref;
  const draft = (entries: readonly [string, Before[string]][]) =>
    ({
      type: 'recant.attempt.intended.v1',
      id: eventId.intended(action, attempt),
      data: {
        ...data,
        action,
        attempt,
        arguments: encoded.content,
        ...(entries.length > 0 ? { before: Object.fromEntries(entries) } : {}),
      },
      ...trace,
    }) as const;
  outbox.checkCapacity();
  if (encoded.part !== undefined) void outbox.pushPart(encoded.part);
  const declared = new Set(data.resources);
  const entries = Object.entries(before).sort(([a], [b]) => Number(declared.has(b)) - Number(declared.has(a)));
  for (let count = Math.min(entries.length, 256); ; count = count >> 1) {
    try {
      return outbox.push(draft(entries.slice(0, count)));
    } catch (error) {
      if (count > 0 && error instanceof EventError && error.code === 'too_large') continue;
      throw asRecantError(error);
    }
  }
}

function asRecantError(error: unknown): unknown {
  if (!(error instanceof EventError)) return error;
  const code = error.code === 'too_large' ? 'too_large' : 'options_invalid';
  return new RecantError(code, `The action cannot be recorded, so the tool did not run: ${error.message}`, { cause: error });
}

/**
 * Queues the effects, then the settlement. Effects wait for capacity in the outbox, so memory stays bounded.
 */
export async function settle(
  outbox: Outbox,
  intent: Intent,
  captures: Captures,
  toolOutcome: ToolOutcome,
  { redactEffect, maskText }: OutcomeRedaction,
): Promise<SettleResult> {
  const { action, attempt } = intent.ref;
  let masked: SettleResult['masked'] = { effects: 0 };
  const redacted = async function* (): AsyncGenerator<Effect> {
    for await (const captured of captures.effects()) {
      const { effect, rule } = redactEffect(captured);
      if (rule !== undefined) masked = { effects: masked.effects + 1, rule };
      yield effect;
    }
  };
  const chunked = await sendInChunks(redacted(), async (chunk, effects) => {
    await outbox.waitForCapacity();
    void outbox.push({
      type: 'recant.attempt.effects.v1',
      id: eventId.effects(action, attempt, chunk),
      data: { action, attempt, chunk, effects },
      ...intent.trace,
    });
  });
  const { outcome, durationMs, thrown } = toolOutcome;
  const result = await toolOutcome.result;
  if (result?.part !== undefined) void outbox.pushPart(result.part);
  const delivery = outbox.push({
    type: 'recant.attempt.settled.v1',
    id: eventId.settled(action, attempt),
    data: {
      action,
      attempt,
      outcome,
      ...chunked,
      durationMs: Math.max(0, Math.round(durationMs)),
      ...(thrown === undefined ? {} : { error: toolErrorOf(thrown.value, maskText) }),
      ...(result === undefined ? {} : { result: result.content }),
    },
    ...intent.trace,
  });
  return { delivery, masked };
}

/** Queues the settlement of an attempt whose tool never ran, behind its intent. */
export function settleDenied(
  outbox: Outbox,
  intent: Intent,
  durationMs: number,
  error: { readonly code: string; readonly message: string },
): Promise<Delivery> {
  const { action, attempt } = intent.ref;
  return outbox.push({
    type: 'recant.attempt.settled.v1',
    id: eventId.settled(action, attempt),
    data: {
      action,
      attempt,
      outcome: 'denied',
      chunks: 0,
      effects: 0,
      digest: effectsDigest([]),
      durationMs: Math.max(0, Math.round(durationMs)),
      error,
    },
    ...intent.trace,
  });
}
