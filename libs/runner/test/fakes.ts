import type { InverseBatch, InverseResult, InverseStep, PartAddress, Probed, RehearsedStep, TargetSystem } from '@recant/connector';
import { ConnectorError } from '@recant/connector';
import { decodeEvent, type Effect, type PlanMode, type RecantEvent } from '@recant/events';
import {
  headerOf,
  type PlanBody,
  type PlanItem,
  type PlanItems,
  type PlanList,
  plan,
  planDigest,
  type RecordedAttempt,
  type RecordedEffect,
  refKey,
} from '@recant/planner';
import {
  type Change,
  type Claim,
  type Committed,
  createEmitter,
  isRunEnd,
  type Outbox,
  type OutboxItem,
  type RunnerPorts,
  type RunRecord,
  type RunStore,
  type StepLedger,
} from '../src/index.ts';

/** Before or after a call of a port: where tests kill the worker. */
export type Hook = (call: string, when: 'before' | 'after') => void;

/** A system of registers, with the rules of a target: guards, marks, capture. */
export class FakeTarget implements TargetSystem {
  readonly connector = 'postgres';
  readonly live = new Map<string, string | null>();
  readonly marks = new Map<number, InverseResult>();
  /** Inverses that wrote, by step: at most one each (I6). */
  readonly writes: number[] = [];
  ordinal = 1_000;
  tokenMax = 0n;
  /** Makes an inverse fail or the connection break. */
  refuse: (step: InverseStep) => InverseResult['outcome'] | undefined = () => undefined;
  away = false;
  /** Fails the whole call that contains such a step. */
  poison: (step: InverseStep) => Error | undefined = () => undefined;
  /** Steps whose row another session holds. */
  locked: (step: InverseStep) => boolean = () => false;
  readonly calls: Record<string, number> = {};
  readonly name: string;
  readonly #hook: Hook;

  constructor(name: string, hook: Hook) {
    this.name = name;
    this.#hook = hook;
  }

  async identity(): Promise<string> {
    return this.name;
  }

  async probe(parts: readonly PartAddress[]): Promise<readonly Probed[]> {
    return this.#call('probe', () =>
      parts.map(({ resource, part }) => ({ resource, part, kind: 'version', version: this.live.get(`${resource} ${part}`) ?? null })),
    );
  }

  /** Guards only. */
  async rehearse(steps: readonly RehearsedStep[]): Promise<readonly InverseResult[]> {
    return this.#call('rehearse', () => {
      const live = new Map(this.live);
      return steps.map((step) => undoOn(live, step, () => '0'));
    });
  }

  async invert({ token, steps }: InverseBatch): Promise<readonly InverseResult[]> {
    return this.#call('invert', () => {
      if (BigInt(token) < this.tokenMax) throw new ConnectorError('unreachable', 'fenced');
      this.tokenMax = BigInt(token);
      for (const step of steps) {
        const error = this.poison(step);
        if (error) throw error;
      }
      return steps.map((step) => this.marks.get(step.step) ?? this.#one(step));
    });
  }

  async applied(_run: string, steps: readonly number[]): Promise<readonly InverseResult[]> {
    return this.#call('applied', () => steps.flatMap((step) => this.marks.get(step) ?? []));
  }

  async close(): Promise<void> {}

  #one(step: InverseStep): InverseResult {
    if (this.locked(step))
      return resultOf(step, 'stuck', [], [{ code: 'locked', resource: step.effects[0]?.resource ?? '', part: 'x', detail: 'held' }]);
    const refused = this.refuse(step);
    if (refused)
      return resultOf(step, refused, [], [{ code: 'constraint', resource: step.effects[0]?.resource ?? '', part: 'x', detail: 'refused' }]);
    const done = undoOn(this.live, step, () => String(++this.ordinal));
    if (done.outcome === 'restored') {
      this.marks.set(step.step, done);
      this.writes.push(step.step);
    }
    return done;
  }

  #call<T>(name: string, work: () => T): T {
    this.calls[name] = (this.calls[name] ?? 0) + 1;
    this.#hook(`${this.name}.${name}`, 'before');
    if (this.away) throw new ConnectorError('unreachable', `${this.name} is away`);
    const result = work();
    this.#hook(`${this.name}.${name}`, 'after');
    return result;
  }
}

const resultOf = (
  { step }: RehearsedStep,
  outcome: InverseResult['outcome'],
  effects: Effect[] = [],
  findings: InverseResult['findings'] = [],
): InverseResult => ({ step, outcome, findings, effects, residue: [] });

function undoOn(registers: Map<string, string | null>, step: RehearsedStep, ordinal: () => string): InverseResult {
  const effects: Effect[] = [];
  for (const { resource, parts } of [...step.effects].reverse()) {
    for (const [part, { before, after }] of Object.entries(parts)) {
      const live = registers.get(`${resource} ${part}`) ?? null;
      if (live !== after && live !== before)
        return resultOf(step, 'conflicted', [], [{ code: 'drift', resource, part, detail: 'drift', expected: after, found: live }]);
      if (live === after)
        effects.push({
          resource,
          operation: 'update',
          ordinal: ordinal(),
          parts: { [part]: { before: live, after: before } },
          compensation: { connector: 'postgres', images: [] },
        });
    }
  }
  for (const effect of effects)
    for (const [part, { after }] of Object.entries(effect.parts)) registers.set(`${effect.resource} ${part}`, after);
  return resultOf(step, effects.length > 0 ? 'restored' : 'already_undone', effects);
}

/** A store with the rules of the real one, in memory. */
export class FakeStore implements RunStore, PlanItems, Outbox {
  record: RunRecord;
  /** The stored plan; a test may change it. */
  plan: PlanBody;
  token = 0n;
  outbox: OutboxItem[] = [];
  alarm: string | null = null;
  nowMs: () => number = () => 0;
  /** When `rateFreeMs` of the record was committed. */
  #committedMs = 0;
  readonly #hook: Hook;

  constructor(body: PlanBody, hook: Hook) {
    this.#hook = hook;
    this.plan = body;
    const steps = body.steps.map(({ step }) => ({ step, state: 'pending' as const, findings: [], residue: [] }));
    this.record = {
      claim: { tenant: 't', run: 'run1', token: 0n },
      state: 'queued',
      plan: 'plan1',
      digest: planDigest(body),
      header: headerOf(body),
      source: 'recant://recant/run/run1',
      sequenceNext: 1,
      steps,
      waits: [],
      createdAtMs: 1_700_000_000_000,
      limits: {},
    };
  }

  async claim(): Promise<Claim> {
    return { tenant: 't', run: 'run1', token: ++this.token };
  }

  async load(claim: Claim): Promise<RunRecord | undefined> {
    const { rateFreeMs = 0, ...record } = this.record;
    const leftMs = this.#committedMs + rateFreeMs - this.nowMs();
    return claim.token === this.token ? structuredClone({ ...record, claim, ...(leftMs > 0 && { rateFreeMs: leftMs }) }) : undefined;
  }

  async commit(claim: Claim, change: Change): Promise<Committed> {
    this.#hook('commit', 'before');
    if (claim.token !== this.token || (change.events[0] && change.events[0].sequence !== this.record.sequenceNext)) return { kind: 'lost' };
    const to = change.run?.to ?? this.record.state;
    if (change.run && change.run.from !== this.record.state) return { kind: 'moved', state: this.record.state };
    const stops = change.run && (to === 'waiting' || to === 'paused' || isRunEnd(to));
    if (stops && this.record.steps.some(({ state }) => ['started', 'taking_back', 'skipping'].includes(state)))
      return { kind: 'moved', state: this.record.state };
    const changes = new Map(change.steps.map((step) => [step.step, step]));
    this.record = {
      ...this.record,
      state: to,
      sequenceNext: this.record.sequenceNext + change.events.length,
      waits: change.waits ?? this.record.waits,
      ...(change.rateFreeMs !== undefined && { rateFreeMs: change.rateFreeMs }),
      steps: this.record.steps.map((step) => ({ ...step, ...changes.get(step.step) })),
    };
    if (change.rateFreeMs !== undefined) this.#committedMs = this.nowMs();
    this.outbox.push(...change.events);
    if (change.alarm !== undefined) this.alarm = change.alarm;
    this.#hook('commit', 'after');
    return { kind: 'committed', state: to };
  }

  async *all<L extends PlanList>(_tenant: string, _plan: string, list: L): AsyncGenerator<PlanItem<L>> {
    yield* structuredClone(this.plan[list]) as readonly PlanItem<L>[];
  }
  async steps(_tenant: string, _plan: string, numbers: readonly number[]) {
    return structuredClone(this.plan.steps.filter(({ step }) => numbers.includes(step)));
  }

  async renew(claim: Claim) {
    return claim.token === this.token ? this.record.state : undefined;
  }
  async release(): Promise<void> {}
  async sources() {
    return [];
  }
  async unsent(): Promise<readonly OutboxItem[]> {
    return this.outbox;
  }
  async acknowledged(_tenant: string, _source: string, through: number): Promise<void> {
    this.outbox = this.outbox.filter(({ sequence }) => sequence > through);
  }
}

export interface FakeWorld {
  readonly store: FakeStore;
  readonly ports: RunnerPorts;
  readonly targets: ReadonlyMap<string, FakeTarget>;
  readonly body: PlanBody;
  /** Events the ledger appended, once each, in order. */
  readonly events: RecantEvent[];
  /** The ledger's entries; a test may change them after planning. */
  readonly ledger: { attempts: RecordedAttempt[]; effects: RecordedEffect[] };
}

export interface Write {
  readonly attempt: string;
  readonly resource: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** Action of the attempt with a name of at most six letters. */
export const actionOf = (name: string): string => `018f0000-0000-7000-8000-${Buffer.from(name).toString('hex').padStart(12, '0')}`;

/** Attempts of one agent that wrote registers of the systems a and b, all selected. */
export function fakeWorld(writes: readonly Write[], hook: Hook = () => undefined, mode: PlanMode = 'skip'): FakeWorld {
  const refOf = (name: string) => ({ source: 'recant://bad/1', action: actionOf(name), attempt: 1 });
  const names = [...new Set(writes.map(({ attempt }) => attempt))];
  const attempts = names.map(
    (name, at): RecordedAttempt => ({
      ref: refOf(name),
      entry: { shard: 0, index: BigInt(at) },
      agent: 'bad',
      tool: 'write',
      status: 'succeeded',
      complete: true,
      reversibility: 'reversible',
      intendedAtMs: at,
      receivedAtMs: at,
      sequence: at + 1,
      keyId: 'key1',
      grade: 'claimed',
      registered: ['*'],
    }),
  );
  const effects = writes.map(
    ({ attempt, resource, before, after }, at): RecordedEffect => ({
      attempt: refOf(attempt),
      entry: { shard: 0, index: BigInt(at) },
      resource,
      operation: 'update',
      ordinal: String(at + 1),
      parts: { x: { before, after } },
      compensation: { connector: 'postgres', images: [] },
    }),
  );
  const targets = new Map(['a', 'b'].map((name) => [name, new FakeTarget(name, hook)]));
  for (const { resource, after } of writes) targets.get(resource.slice(11, 12))?.live.set(`${resource} x`, after);
  const systems = new Map([
    ['a', 'postgres'],
    ['b', 'postgres'],
  ]);
  const draft = plan({
    tenant: 't',
    mode,
    selection: { agents: ['bad'] },
    vector: { 0: 99n },
    selected: attempts,
    attempts,
    effects,
    systems,
  });
  const body: PlanBody = { ...draft, steps: [...draft.steps] };
  const store = new FakeStore(body, hook);
  const events: RecantEvent[] = [];
  const known = new Set<string>();
  const ledger = { attempts, effects };
  const reader: StepLedger = {
    recordOf: async (_tenant, refs) => ({
      attempts: ledger.attempts.filter(({ ref }) => refs.some((other) => refKey(other) === refKey(ref))),
      effects: ledger.effects.filter(({ attempt }) => refs.some((other) => refKey(other) === refKey(attempt))),
    }),
  };
  let random = 0;
  let now = 1_700_000_000_000;
  store.nowMs = () => now;
  const ports: RunnerPorts = {
    store,
    plans: store,
    emitter: createEmitter(store, {
      async send(_tenant, sent) {
        hook('send', 'before');
        const receipts = sent.map((bytes) => {
          const decoded = decodeEvent(bytes);
          if (!decoded.ok) return { kind: 'refused' as const, code: decoded.code, detail: decoded.detail };
          if (known.has(decoded.event.id)) return { kind: 'duplicate' as const };
          known.add(decoded.event.id);
          events.push(decoded.event);
          return { kind: 'appended' as const };
        });
        hook('send', 'after');
        return receipts;
      },
    }),
    ledger: reader,
    targets: { open: async (_tenant, name) => targets.get(name) },
    clock: {
      now: () => now,
      sleep: async (ms) => {
        now += ms;
      },
    },
    random16: () => numbered(++random),
  };
  return { store, ports, targets, body, events, ledger };
}

function numbered(n: number): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(12, n);
  return bytes;
}
