import { type AttemptIntended, type AttemptRef, type Effect, EventError, effectsDigest, eventId, type Outcome } from '@recant/events';
import { RecantError } from '../error.ts';
import type { Fate, Lane } from '../lane/lane.ts';
import type { Withheld } from '../redaction/resource.ts';
import type { TraceContext } from '../trace.ts';
import type { Before, Captures } from './captures.ts';
import { sendInChunks } from './chunks.ts';
import type { Contained } from './content.ts';
import { errorOf } from './error-of.ts';

export interface Intent {
  readonly ref: AttemptRef;
  readonly contained: Contained;
  readonly data: Omit<AttemptIntended, 'action' | 'attempt' | 'arguments' | 'before'>;
  readonly trace: TraceContext;
}

export interface Ended {
  readonly outcome: Outcome;
  readonly durationMs: number;
  readonly thrown?: { readonly value: unknown };
  /** What the tool said to keep of its result. */
  readonly result?: Contained;
}

/** What effects and errors go through on their way out. */
export interface Outlet {
  readonly withhold: (effect: Effect) => Withheld;
  readonly mask: (text: string) => string;
}

export interface Settled {
  readonly fate: Fate;
  /** Effects whose names were withheld, and a rule that did so. */
  readonly withheld: { readonly effects: number; readonly rule?: string };
}

/** Queues the intent behind its part. Where `before` does not fit beside everything else, versions are left out: effects carry them again. */
export function pushIntent(lane: Lane, { ref, contained, data, trace }: Intent, before: Before): Promise<Fate> {
  const { action, attempt } = ref;
  const draft = (entries: readonly [string, Before[string]][]) =>
    ({
      type: 'recant.attempt.intended.v1',
      id: eventId.intended(action, attempt),
      data: {
        ...data,
        action,
        attempt,
        arguments: contained.content,
        ...(entries.length > 0 ? { before: Object.fromEntries(entries) } : {}),
      },
      ...trace,
    }) as const;
  lane.admit();
  if (contained.part !== undefined) void lane.pushPart(contained.part);
  const declared = new Set(data.resources);
  const entries = Object.entries(before).sort(([a], [b]) => Number(declared.has(b)) - Number(declared.has(a)));
  for (let kept = Math.min(entries.length, 256); ; kept = kept >> 1) {
    try {
      return lane.push(draft(entries.slice(0, kept)));
    } catch (error) {
      if (kept > 0 && error instanceof EventError && error.code === 'too_large') continue;
      throw refusedDraft(error);
    }
  }
}

function refusedDraft(error: unknown): unknown {
  if (!(error instanceof EventError)) return error;
  const code = error.code === 'too_large' ? 'too_large' : 'options_invalid';
  return new RecantError(code, `The action cannot be recorded, so the tool did not run: ${error.message}`, { cause: error });
}

/** Effects, then the settlement. Resolves once the settlement has an answer; effects wait for room, so memory stays flat. */
export async function settle(lane: Lane, intent: Intent, captures: Captures, ended: Ended, { withhold, mask }: Outlet): Promise<Settled> {
  const { action, attempt } = intent.ref;
  let withheld: Settled['withheld'] = { effects: 0 };
  const outgoing = async function* (): AsyncGenerator<Effect> {
    for await (const captured of captures.effects()) {
      const { effect, rule } = withhold(captured);
      if (rule !== undefined) withheld = { effects: withheld.effects + 1, rule };
      yield effect;
    }
  };
  const chunked = await sendInChunks(outgoing(), async (chunk, effects) => {
    await lane.room();
    void lane.push({
      type: 'recant.attempt.effects.v1',
      id: eventId.effects(action, attempt, chunk),
      data: { action, attempt, chunk, effects },
      ...intent.trace,
    });
  });
  const { outcome, thrown, result } = ended;
  if (result?.part !== undefined) void lane.pushPart(result.part);
  const fate = await lane.push({
    type: 'recant.attempt.settled.v1',
    id: eventId.settled(action, attempt),
    data: {
      action,
      attempt,
      outcome,
      ...chunked,
      durationMs: Math.max(0, Math.round(ended.durationMs)),
      ...(thrown === undefined ? {} : { error: errorOf(thrown.value, mask) }),
      ...(result === undefined ? {} : { result: result.content }),
    },
    ...intent.trace,
  });
  return { fate, withheld };
}

/** The tool never ran: settled as soon as the ledger takes it, behind the intent. */
export function settleDenied(lane: Lane, intent: Intent, durationMs: number): Promise<Fate> {
  const { action, attempt } = intent.ref;
  return lane.push({
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
      error: { code: 'ledger_unavailable', message: 'The ledger did not acknowledge the intent in time; the tool did not run.' },
    },
    ...intent.trace,
  });
}
