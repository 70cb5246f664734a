import { eventId, uuidv7 } from '@recant/events';
import { RecantError } from '../error.ts';
import type { Fate, Lane } from '../lane/lane.ts';
import type { RecantOptions, Settings } from '../options.ts';
import { refusedBy } from '../source.ts';
import type { TraceContext } from '../trace.ts';
import { within } from '../within.ts';
import { type Ended, type Intent, pushIntent, settle, settleDenied } from './attempt.ts';
import { type Captures, captureAll } from './captures.ts';
import { contain } from './content.ts';
import { type ActionInput, type AnySystem, checkInput, contextOf, systemsOf } from './input.ts';

/** What a tool is given while it runs. */
export interface ActionContext {
  readonly action: string;
  /** 1 for the first try. */
  readonly attempt: number;
  readonly source: string;
  /** The handle of a captured system: a transaction runner, a directory. @throws RecantError `system_unknown` */
  on<Handle>(system: { readonly name: string; capture(...given: never[]): Promise<{ readonly handle: Handle }> }): Handle;
}

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

/** Actions whose last attempt is remembered for `retryOf`. */
const REMEMBERED_MAX = 10_000;

/**
 * I1 for the SDK: `begin` resolves only when every image is durable and the intent acknowledged, so a tool that waits for it has no effect
 * without them. Where it rejects, the tool must not run; what was announced is settled `denied`.
 */
export function createAttempts({ lane, settings, who, trace }: AttemptsOptions) {
  const { source, clock, random, ackTimeoutMs, onProblem } = settings;
  const lastAttempts = new Map<string, number>();
  /** Ids of settlements that are due: from the intent on until they are answered. */
  const unsettled = new Set<string>();
  /** Settlements under way. */
  const endings = new Set<Promise<void>>();
  /** Ids of settlements that cannot be made. */
  const lost = new Set<string>();

  const number = (input: ActionInput): { action: string; attempt: number } => {
    const action = input.retryOf?.action ?? uuidv7(clock(), random(16));
    const last = input.retryOf === undefined ? 0 : (input.retryOf.attempt ?? lastAttempts.get(action));
    if (last === undefined)
      throw new RecantError('options_invalid', 'retryOf names an action of another recorder: give its attempt as well.');
    const attempt = last + 1;
    lastAttempts.delete(action);
    lastAttempts.set(action, attempt);
    if (lastAttempts.size > REMEMBERED_MAX) lastAttempts.delete(lastAttempts.keys().next().value as string);
    return { action, attempt };
  };

  const describe = (input: ActionInput): { intent: Intent; systems: Map<AnySystem, string[]> } => {
    checkInput(input);
    const contained = contain(input.arguments ?? {}, random);
    const systems = systemsOf(input, settings.systems);
    const data: Intent['data'] = {
      tool: input.tool,
      resources: [...(input.resources ?? [])],
      reversibility: input.reversibility ?? (systems.size > 0 ? 'reversible' : 'irreversible'),
      deadlineMs: input.deadlineMs ?? settings.deadlineMs,
      context: contextOf(input, who),
      ...(input.expectedAfter === undefined ? {} : { expectedAfter: input.expectedAfter }),
    };
    return { intent: { ref: { source, ...number(input) }, contained, data, trace: trace() }, systems };
  };

  /** Waits for the intent. @throws RecantError `refused | ledger_unavailable | closed` */
  const acknowledged = async (intent: Intent, answer: Promise<Fate>, startedMs: number): Promise<void> => {
    const fate = await within(answer, ackTimeoutMs);
    if (fate?.kind === 'acknowledged') return;
    if (fate?.kind === 'refused') throw refusedBy(fate, 'The ledger refused the intent, so the tool did not run');
    if (fate?.kind === 'abandoned') throw new RecantError('closed', 'Closed before the intent was acknowledged; the tool did not run.');
    void settleDenied(lane, intent, clock() - startedMs);
    throw new RecantError(
      'ledger_unavailable',
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
    try {
      await settle(lane, intent, captures, ended);
    } catch (cause) {
      const { action, attempt } = intent.ref;
      const message = `Attempt ${attempt} of ${action} ran, but its effects could not be recorded: ${cause instanceof Error ? cause.message : cause}`;
      lost.add(eventId.settled(action, attempt));
      onProblem(new RecantError('settlement_failed', message, { cause }));
    } finally {
      await captures.release();
    }
  };

  const begin = async (input: ActionInput): Promise<Begun> => {
    const { intent, systems } = describe(input);
    const open = input.failClosed === false;
    if (!open) lane.admit();
    const startedMs = clock();
    const captures = await captureAll(intent.ref, systems);
    try {
      const answer = pushIntent(lane, intent, captures.before);
      if (!open) await acknowledged(intent, answer, startedMs);
      else void tellRefusal(answer);
    } catch (error) {
      if (!open || !(error instanceof RecantError) || error.code !== 'queue_full') {
        await captures.release();
        throw error;
      }
      onProblem(error);
      return { context: contextFor(intent, captures), end: () => captures.release() };
    }
    const id = eventId.settled(intent.ref.action, intent.ref.attempt);
    unsettled.add(id);
    return {
      context: contextFor(intent, captures),
      end(ended) {
        const ending = end(intent, captures, { ...ended, durationMs: clock() - startedMs }).finally(() => {
          unsettled.delete(id);
          endings.delete(ending);
        });
        endings.add(ending);
        return patience(ending, lane, ackTimeoutMs);
      },
    };
  };

  return { begin, unsettled, endings, lost };
}

function contextFor(intent: Intent, captures: Captures): ActionContext {
  const { action, attempt, source } = intent.ref;
  return { action, attempt, source, on: (system) => captures.handleOf(system as never) as never };
}

/** Waits for `ending` as long as the ledger answers anything, or has nothing to answer. */
async function patience(ending: Promise<void>, lane: Lane, silenceMs: number): Promise<void> {
  const done = ending.then(() => true);
  for (let answered = lane.answered; ; answered = lane.answered) {
    if ((await within(done, silenceMs)) === true) return;
    if (!lane.isEmpty && lane.answered === answered) return;
  }
}
