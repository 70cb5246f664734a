import {
  type AttemptObserved,
  actionOfTransaction,
  type EventData,
  type EventType,
  effectsDigest,
  eventId,
  formatSequence,
  type RecantEvent,
} from '../src/index.ts';

const ACTION = '01936a5c-7e00-7abc-8def-0123456789ab';
const ACT = ACTION;
const SOURCE = `recant://agent-7/${ACTION}`;
const RESOURCE = 'postgres://shop/public.orders/42';
const BEFORE = 'v1.AAECAwQFBgcICQoLDA0ODw';
const AFTER = 'v1.EBESExQVFhcYGRobHB0eHw';
const PART = { digest: 'ab'.repeat(32), salt: 'AAECAwQFBgcICQoLDA0ODw', size: 100_000, subject: 'customer-9' } as const;

export const EFFECT = {
  resource: RESOURCE,
  operation: 'update',
  ordinal: '18446744073709551616',
  parts: { price: { before: BEFORE, after: AFTER }, note: { before: null, after: AFTER } },
  reads: { exists: BEFORE, größe: null },
  compensation: { connector: 'postgres', images: ['capture/18446744073709551616'] },
} as const;

function observed(data: AttemptObserved): Example {
  return { type: 'recant.attempt.observed.v1', id: eventId.observed(data), data };
}

type Example = { [T in EventType]: { readonly type: T; readonly id: string; readonly data: EventData[T] } }[EventType];

/** At least one event of every type, with every optional member present in one and absent in another. */
const EXAMPLES: Readonly<Record<string, Example>> = {
  'intended-full': {
    type: 'recant.attempt.intended.v1',
    id: eventId.intended(ACTION, 2),
    data: {
      action: ACTION,
      attempt: 2,
      tool: 'reprice',
      arguments: {
        inline: { sku: 'A-1', price: 12.5, tiny: 1e-7, huge: 1e21, emoji: '😀', control: '\u001f\n"\\', nested: [[], {}, null, true] },
      },
      resources: [RESOURCE, 'filesystem://notes/a%20b.txt'],
      before: { [RESOURCE]: { price: BEFORE, exists: BEFORE, gone: null } },
      expectedAfter: { [RESOURCE]: { price: AFTER } },
      reversibility: 'reversible',
      deadlineMs: 60_000,
      context: {
        session: 'session-1',
        parent: '01936a5c-7e00-7abc-8def-ffffffffffff',
        onBehalfOf: 'alice@example.org',
        model: 'model-x',
        agentVersion: '1.2.3',
        labels: { team: 'pricing', empty: '' },
      },
      inverts: { source: 'recant://agent-3/x', action: ACTION, attempt: 1, run: 'run-1', step: 50 },
    },
  },
  'intended-least': {
    type: 'recant.attempt.intended.v1',
    id: eventId.intended(ACTION, 1),
    data: {
      action: ACTION,
      attempt: 1,
      tool: 'read_file',
      arguments: { part: PART },
      resources: [],
      reversibility: 'read',
      deadlineMs: 1,
      context: {},
    },
  },
  'effects-full': {
    type: 'recant.attempt.effects.v1',
    id: eventId.effects(ACTION, 1, 0),
    data: { action: ACTION, attempt: 1, chunk: 0, effects: [EFFECT, { resource: RESOURCE, operation: 'touch', ordinal: '0', parts: {} }] },
  },
  'effects-empty': {
    type: 'recant.attempt.effects.v1',
    id: eventId.effects(ACTION, 1, 99_999),
    data: { action: ACTION, attempt: 1, chunk: 99_999, effects: [] },
  },
  'settled-failed': {
    type: 'recant.attempt.settled.v1',
    id: eventId.settled(ACTION, 1),
    data: {
      action: ACTION,
      attempt: 1,
      outcome: 'failed',
      chunks: 1,
      effects: 2,
      digest: effectsDigest([[EFFECT, { resource: RESOURCE, operation: 'touch', ordinal: '0', parts: {} }]]),
      durationMs: 1_234,
      error: { code: 'TypeError', message: 'first line\nsecond line' },
      result: { inline: {} },
    },
  },
  'settled-least': {
    type: 'recant.attempt.settled.v1',
    id: eventId.settled(ACTION, 1),
    data: { action: ACTION, attempt: 1, outcome: 'succeeded', chunks: 0, effects: 0, digest: effectsDigest([]), durationMs: 0 },
  },
  opened: { type: 'recant.source.opened.v1', id: eventId.opened(), data: { sdk: '@recant/sdk 0.1.0', leaseMs: 30_000 } },
  heartbeat: {
    type: 'recant.source.heartbeat.v1',
    id: eventId.heartbeat(17),
    data: { nothingOlderThan: '2024-02-29T23:59:59.999Z' },
  },
  closed: { type: 'recant.source.closed.v1', id: eventId.closed(), data: { reason: 'closed' } },
  'act-pending': {
    type: 'recant.act.recorded.v1',
    id: eventId.act(ACT, 'pending'),
    data: { act: ACT, operation: 'revokeKey', object: { keyId: 'abc123' }, outcome: 'pending' },
  },
  'act-done': {
    type: 'recant.act.recorded.v1',
    id: eventId.act(ACT, 'done'),
    data: {
      act: ACT,
      actor: { id: 'person:ada@example.org', name: 'Ada Lovelace' },
      operation: 'createPlan',
      object: { plan: 'plan-1', digest: 'cd'.repeat(32) },
      selection: { agents: ['agent-7'], from: '2h' },
      reason: 'INC-7: wrong prices — “undo”',
      outcome: 'done',
      detail: { mode: 'refuse', steps: 50, conflicts: 1 },
      request: 'request-1',
    },
  },
  'act-refused': {
    type: 'recant.act.recorded.v1',
    id: eventId.act(ACT, 'refused'),
    data: {
      act: ACT,
      actor: { id: 'abc123' },
      operation: 'createRun',
      object: {},
      outcome: 'refused',
      code: 'role_missing',
      repeated: { count: 2, first: '2026-11-26T09:30:00.000Z', last: '2026-11-26T09:30:01.000Z' },
    },
  },
  'observed-full': observed({
    action: ACTION,
    attempt: 2,
    of: 'recant://agent-7/x',
    system: 'shop',
    transaction: '1/18446744073709551615',
    login: 'alice',
    agent: 'agent-7',
    from: '2026-11-23T09:29:59.000Z',
    to: '2026-11-23T09:30:00.000Z',
    chunk: 1,
    chunks: 2,
    effects: [EFFECT],
    counted: [
      { table: 'public.log', changes: 3, unknown: true },
      { table: 'public.notes', changes: 1 },
    ],
  }),
  'observed-least': observed({
    action: actionOfTransaction('7300000000000000001/shop', '0/1', Date.parse('2026-11-23T09:29:59.000Z')),
    attempt: 1,
    system: 'shop',
    transaction: '0/1',
    login: 'bob',
    from: '2026-11-23T09:29:59.000Z',
    to: '2026-11-23T09:29:59.000Z',
    chunk: 0,
    chunks: 1,
    effects: [],
  }),
};

const TRACE = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'vendor=1' } as const;

export const examples: readonly { readonly name: string; readonly event: RecantEvent }[] = Object.entries(EXAMPLES).map(
  ([name, example], index) => ({
    name,
    event: {
      specversion: '1.0',
      source: SOURCE,
      time: '2026-11-23T09:30:00.000Z',
      sequence: formatSequence(index + 1),
      agent: 'agent-7',
      ...(name.endsWith('-full') ? TRACE : {}),
      ...example,
    } as RecantEvent,
  }),
);
