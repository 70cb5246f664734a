/** The product's side: its planner, its questions to targets, and its runner, over the ledger, the target and the store in memory. */
import { decodeEvent } from '@recant/events';
import { gather, type LedgerReader, obstaclesOf, type PlanBody, type PlanInput, planDigest, type Selection } from '@recant/planner';
import { accountOf, createEmitter, driveRun, RUNNER_CONFIG, type RunnerPorts, summarize } from '@recant/runner';
import { FakeStore } from '../../libs/runner/test/fakes.ts';
import { planWithTargets } from '../../services/rollback/src/ask-targets.ts';
import type { Mode } from '../histories/elements.ts';
import type { Ended, Undone } from '../histories/mismatches.ts';
import type { Ledger } from './memory/ledger.ts';
import { SYSTEM, type Target } from './memory/target.ts';

const TENANT = 't';
const CONFIG = { ...RUNNER_CONFIG, tries: 2 };

export interface Undo {
  readonly ledger: Ledger;
  readonly target: Target;
  readonly selection: Selection;
  readonly mode: Mode;
  /** The history's name of an action. */
  readonly nameOf: (action: string) => string;
  /** After the plan, and before the run. */
  readonly onPlanned: () => void;
  /** At which of its writes and failpoints the worker is killed, once. Undefined: it lives. */
  readonly killedAfter: number | undefined;
}

class Killed extends Error {}

export interface Came {
  readonly undone: Undone;
  readonly faults: readonly string[];
  readonly wasKilled: boolean;
}

/** @returns what came of it, and what no undo may do */
export async function undoInMemory(undo: Undo): Promise<Came> {
  const { ledger, target, selection, mode, nameOf } = undo;
  const reader = ledger.reader();
  const clock = { now: () => ledger.nowMs, sleep: async (ms: number) => ledger.sleep(ms) };
  const targets = { open: async (_tenant: string, name: string) => (name === SYSTEM ? target : undefined) };
  const systems = new Map([[SYSTEM, target.connector]]);
  const vector = await reader.vector(TENANT);
  const input: PlanInput = { ...(await gather(reader, { tenant: TENANT, mode, selection, vector, systems })), derived: [] };
  const draft = await planWithTargets({ targets, clock }, input);
  const body: PlanBody = { ...draft, steps: [...draft.steps] };
  undo.onPlanned();
  const left = body.left.map(({ ref, reason, detail }): [string, Ended] => [nameOf(ref.action), { outcome: reason, why: detail }]);
  const base = { conflicting: new Set(body.conflicts.map(({ ref }) => nameOf(ref.action))), isOpen: false, isLagging: false };
  const code = mode === 'refuse' && obstaclesOf(body) > 0 ? 'plan_conflicts' : body.steps.length === 0 ? 'plan_empty' : undefined;
  if (code !== undefined) {
    const planned = body.steps.map(({ undoes }): [string, Ended] => [nameOf(undoes.action), { outcome: 'planned', why: '' }]);
    return {
      undone: { ...base, verdict: undefined, code, state: 'refused', attempts: new Map([...left, ...planned]) },
      faults: [],
      wasKilled: false,
    };
  }
  const digest = planDigest(body);
  const { store, wasKilled } = await run(undo, body, { targets, clock, ledger: stepLedgerOf(reader) });
  const { steps, state } = store.record;
  const names = new Map(body.steps.map(({ step, undoes }) => [step, nameOf(undoes.action)]));
  const ended = steps.map(({ step, outcome, state: at, findings }): [string, Ended] => [
    names.get(step) ?? '',
    { outcome: outcome ?? at, why: findings.map(({ code: found, resource, part }) => `${found} ${resource} ${part}`).join('; ') },
  ]);
  const { verdict } = accountOf(summarize(body), steps);
  return {
    undone: { ...base, verdict, code: undefined, state, attempts: new Map([...left, ...ended]) },
    faults: [
      ...faultsOf(undo, body, store),
      ...(planDigest(store.plan) === digest ? [] : ['I8: the plan of the run is not the one that was made']),
    ],
    wasKilled,
  };
}

async function run(
  { ledger, killedAfter }: Undo,
  body: PlanBody,
  ports: Pick<RunnerPorts, 'targets' | 'clock' | 'ledger'>,
): Promise<{ readonly store: FakeStore; readonly wasKilled: boolean }> {
  let calls = 0;
  const live = (): void => {
    calls += 1;
    if (calls === killedAfter) throw new Killed();
  };
  const store = new FakeStore(body, live);
  const known = new Set<string>();
  const emitter = createEmitter(store, {
    async send(_tenant, events) {
      return events.map((bytes) => {
        const decoded = decodeEvent(bytes);
        if (!decoded.ok) return { kind: 'refused' as const, code: decoded.code, detail: decoded.detail };
        if (known.has(decoded.event.id)) return { kind: 'duplicate' as const };
        known.add(decoded.event.id);
        ledger.append(decoded.event);
        return { kind: 'appended' as const };
      });
    },
  });
  let random = 0;
  const random16 = () => {
    const bytes = new Uint8Array(16);
    random += 1;
    new DataView(bytes.buffer).setUint32(12, random);
    return bytes;
  };
  for (;;) {
    try {
      await driveRun({ ...ports, store, plans: store, emitter, random16, failpoint: live }, await store.claim(), CONFIG);
      // A worker that was killed after its last commit: the service sends what is left.
      await emitter.flush(TENANT, store.record.source);
      return { store, wasKilled: killedAfter !== undefined && calls >= killedAfter };
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }
}

const stepLedgerOf = (reader: LedgerReader): RunnerPorts['ledger'] => ({
  recordOf: async (tenant, refs, vector) => ({
    attempts: await reader.attempts(tenant, refs, vector),
    effects: await reader.effectsOf(tenant, refs, vector),
  }),
});

/** I5, I6, I14: what no undo may do, whatever the oracle says. */
function faultsOf({ target }: Undo, body: PlanBody, store: FakeStore): readonly string[] {
  const twice = [...target.writes].filter(([, writes]) => writes > 1).map(([step]) => `I6: the inverse of step ${step} took effect twice`);
  const steps = new Set(body.steps.map(({ step }) => step));
  const foreign = [...target.writes.keys()]
    .filter((key) => !steps.has(Number(key.split(' ')[1])))
    .map((key) => `I8: ${key} is no step of the plan`);
  const unsent = store.outbox.length > 0 ? [`${store.outbox.length} events of the run were not sent`] : [];
  return [...twice, ...foreign, ...unsent];
}
