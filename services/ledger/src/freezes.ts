import { setTimeout as delay } from 'node:timers/promises';
import {
  ApiFault,
  type FreezeBody,
  type FreezeProgressBody,
  type LeaseBody,
  listFreezes,
  orderFreeze,
  PAGE_ITEMS_DEFAULT,
  parseExpiry,
  showFreeze,
  takeLease,
  thawFreeze,
} from '@recant/api';
import type { JsonObject } from '@recant/events';
import { checkSender } from '@recant/ledger';
import { type BoundRoute, type Caller, handle, withinInline } from '@recant/service';
import { type FreezeProgress, type FreezeRecord, type Freezes, StoreError } from '@recant/store';
import type { LeaseAnswer, Leases } from './leases.ts';

/** Milliseconds between two looks while an order waits for its effect: how late its answer is if another process was told of the last acknowledgement. */
const LOOK_MS = 50;

/** What an order waits beyond the length of a lease, at most, in milliseconds. */
const BEYOND_LEASE_MS = 5_000;

export interface FreezeRoutesDeps {
  readonly freezes: Freezes;
  readonly leases: Leases;
  readonly clock: () => number;
}

/** Freezes of the caller's tenant, and the leases of its recorders. */
export function freezeRoutes({ freezes, leases, clock }: FreezeRoutesDeps): readonly BoundRoute[] {
  return [
    handle(orderFreeze, async ({ caller, body: { scope, value = '', reason, expires, selection }, signal }) => {
      if ((value === '') !== (scope === 'tenant'))
        throw new ApiFault(
          'freeze_target_invalid',
          scope === 'tenant' ? 'The scope `tenant` has no `value`.' : `The scope \`${scope}\` needs a \`value\`.`,
        );
      const expiresAtMs = expires === undefined ? undefined : parseExpiry(expires, clock());
      const order = { scope, value, reason, by: nameOf(caller), ...(expiresAtMs === undefined ? {} : { expiresAtMs }) };
      const ordered = await freezes.order(caller.tenant, order).catch((error: unknown) => {
        throw error instanceof StoreError && error.code === 'too_many'
          ? new ApiFault('freezes_too_many', error.message, { cause: error })
          : error;
      });
      const waitMs = freezes.leaseMs + Math.min(freezes.leaseMs, BEYOND_LEASE_MS);
      await untilEffective(freezes, caller.tenant, ordered.id, waitMs, signal);
      const progress = await freezes.progress(caller.tenant, ordered.id);
      const body = progressBody(progress ?? { freeze: ordered, waiting: NONE, unleased: NONE, systems: [] });
      const { freeze, orderedAt, effectiveAt } = body;
      const object = { freeze, scope, ...(value === '' ? {} : { value }) };
      const undone = selection === undefined ? {} : { selection: selection as JsonObject };
      const act = { object, detail: withinInline({ orderedAt, ...(effectiveAt === undefined ? {} : { effectiveAt }), ...undone }) };
      return { status: 200, body, act };
    }),
    handle(listFreezes, async ({ caller, query: { limit = PAGE_ITEMS_DEFAULT, all = false, cursor } }) => {
      const page = await freezes.list(caller.tenant, { limit, inForce: !all, ...(cursor === undefined ? {} : { cursor }) });
      return { status: 200, body: { items: page.freezes.map(freezeBody), ...(page.next === undefined ? {} : { next: page.next }) } };
    }),
    handle(showFreeze, async ({ caller, params: { freeze } }) => {
      const progress = await freezes.progress(caller.tenant, freeze);
      if (progress === undefined) throw unknown(freeze);
      return { status: 200, body: progressBody(progress) };
    }),
    handle(thawFreeze, async ({ caller, params: { freeze }, body: { reason } }) => {
      const ended = await freezes.thaw(caller.tenant, freeze, { by: nameOf(caller), reason });
      if (ended === 'unknown') throw unknown(freeze);
      if (ended === 'ended') throw new ApiFault('freeze_ended', `Freeze ${freeze} has already ended.`);
      const { scope, value } = ended;
      return { status: 200, body: freezeBody(ended), act: { object: { scope, ...(value === '' ? {} : { value }) } } };
    }),
    handle(takeLease, async ({ caller: { tenant, credential }, body: { source, agent, applied, waitMs = 0, fences }, signal }) => {
      const refusal = checkSender({ source, agent }, credential);
      if (refusal !== undefined) throw new ApiFault(refusal.code, refusal.detail);
      // Two waits and their answers fit into a lease.
      const boundedMs = Math.min(waitMs, freezes.leaseMs * 0.4);
      const answer = await leases.ask(tenant, { source, agent, applied, fences }, boundedMs, signal);
      return { status: 200, body: leaseBody(answer, freezes.leaseMs) };
    }),
  ];
}

const NONE = { count: 0, shown: [] };
const unknown = (freeze: string): ApiFault => new ApiFault('freeze_unknown', `Unknown freeze ${freeze}.`);

/** Returns when the freeze is effective, has ended, the time is over or the client is gone. */
async function untilEffective(
  freezes: Pick<Freezes, 'look' | 'news'>,
  tenant: string,
  id: string,
  waitMs: number,
  signal: AbortSignal,
): Promise<void> {
  let woken = new AbortController();
  const unsubscribe = freezes.news.subscribe((of) => {
    if (of === tenant) woken.abort();
  });
  try {
    for (const end = performance.now() + waitMs; ; ) {
      // Before the look: what is answered during it is looked at once more.
      woken = new AbortController();
      const look = await freezes.look(tenant, id);
      const leftMs = end - performance.now();
      if (look === undefined || look.isEffective || look.hasEnded || signal.aborted || leftMs <= 0) return;
      const pauseMs = Math.max(1, Math.min(LOOK_MS, look.leaseEndsMs ?? LOOK_MS, leftMs));
      await delay(pauseMs, undefined, { signal: woken.signal }).catch(() => undefined);
    }
  } finally {
    unsubscribe();
  }
}

/** For people who read it; the act has both apart. */
const nameOf = ({ id, name }: Caller): string => (name === undefined ? id : `${name} (${id})`);
const iso = (ms: number): string => new Date(ms).toISOString();

function ruleBody({ id, scope, value, reason, by, orderedAtMs, expiresAtMs }: LeaseAnswer['freezes'][number]) {
  return {
    freeze: id,
    scope,
    ...(value === '' ? {} : { value }),
    reason,
    by,
    orderedAt: iso(orderedAtMs),
    ...(expiresAtMs === undefined ? {} : { expiresAt: iso(expiresAtMs) }),
  };
}

function freezeBody(freeze: FreezeRecord): FreezeBody {
  const { effectiveAtMs, ended } = freeze;
  return {
    ...ruleBody(freeze),
    ...(effectiveAtMs === undefined ? {} : { effectiveAt: iso(effectiveAtMs) }),
    ...(ended && { ended: { ...ended, at: iso(ended.atMs) } }),
  };
}

function progressBody({ freeze, waiting, unleased, systems }: FreezeProgress): FreezeProgressBody {
  const listed = (sources: FreezeProgress['waiting']) => ({ count: sources.count, shown: [...sources.shown] });
  return { ...freezeBody(freeze), waiting: listed(waiting), unleased: listed(unleased), systems: systems.map(systemBody) };
}

function systemBody({ system, effectiveAtMs, logins, open, unfrozen, problem }: FreezeProgress['systems'][number]) {
  return {
    system,
    ...(effectiveAtMs === undefined ? {} : { effectiveAt: iso(effectiveAtMs) }),
    logins: [...logins],
    open: open.map((one) => ({ system, ...one })),
    unfrozen: { count: unfrozen.count, shown: [...unfrozen.shown] },
    ...(problem === undefined ? {} : { problem }),
  };
}

function leaseBody({ version, granted, freezes, fences }: LeaseAnswer, leaseMs: number): LeaseBody {
  return { version, granted, leaseMs, freezes: freezes.map(ruleBody), ...(fences && { fences: [...fences] }) };
}
