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

/** Milliseconds between two looks at the leases while an order waits for its effect. */
const LOOK_MS = 50;

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
      leases.changed(caller.tenant);
      const progress = await untilEffective(freezes, caller.tenant, ordered.id, 2 * freezes.leaseMs, signal);
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
      leases.changed(caller.tenant);
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

/** Looks until the freeze is effective, ends, the time is over or the client is gone. */
async function untilEffective(
  freezes: Pick<Freezes, 'progress'>,
  tenant: string,
  id: string,
  waitMs: number,
  signal: AbortSignal,
): Promise<FreezeProgress | undefined> {
  for (const end = performance.now() + waitMs; ; ) {
    const progress = await freezes.progress(tenant, id);
    const { effectiveAtMs, ended } = progress?.freeze ?? {};
    if (progress === undefined || effectiveAtMs !== undefined || ended !== undefined) return progress;
    if (signal.aborted || performance.now() > end) return progress;
    await delay(LOOK_MS);
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
