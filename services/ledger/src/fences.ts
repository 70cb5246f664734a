import {
  ApiFault,
  allowFenced,
  askFence,
  endFence,
  FENCE_EXPIRES_DEFAULT,
  type FenceBody,
  listFences,
  PAGE_ITEMS_DEFAULT,
  parseExpiry,
  type SetFenceBody,
  setFence,
  showFence,
} from '@recant/api';
import { callKey, eventId, isName, parseResource } from '@recant/events';
import { checkSender } from '@recant/ledger';
import { type BoundRoute, type Caller, handle } from '@recant/service';
import { type FenceRecord, type Fences, fencedText, StoreError } from '@recant/store';

export interface FenceRoutesDeps {
  readonly fences: Fences;
  readonly clock: () => number;
}

/** Fences of the caller's tenant, and the question of recorders whose intents are not answered. */
export function fenceRoutes({ fences, clock }: FenceRoutesDeps): readonly BoundRoute[] {
  return [
    handle(setFence, async ({ caller, body }) => {
      const expiresAtMs = parseExpiry(body.expires ?? FENCE_EXPIRES_DEFAULT, clock());
      const call = await callOf(fences, caller.tenant, body);
      const agent = body.agent === undefined ? {} : { agent: body.agent };
      const terms = { reason: body.reason, by: nameOf(caller), expiresAtMs };
      const set = fenceBody(await fences.set(caller.tenant, { ...call, ...agent }, terms).catch(refuseTooMany));
      const { fence, tool, expiresAt } = set;
      return { status: 200, body: set, act: { object: { fence, tool, ...agent }, detail: { expiresAt, resources: set.resources.length } } };
    }),
    handle(listFences, async ({ caller, query: { limit = PAGE_ITEMS_DEFAULT, all = false, run, cursor } }) => {
      const page = await fences.list(caller.tenant, { limit, inForce: !all, run, cursor });
      return { status: 200, body: { items: page.fences.map(fenceBody), ...(page.next === undefined ? {} : { next: page.next }) } };
    }),
    handle(showFence, async ({ caller, params: { fence } }) => {
      const found = await fences.find(caller.tenant, fence);
      if (found === undefined) throw unknown(fence);
      return { status: 200, body: fenceBody(found) };
    }),
    handle(allowFenced, async ({ caller, params: { fence }, body: { reason } }) => {
      const allowed = known(fence, await fences.allow(caller.tenant, fence, { by: nameOf(caller), reason }));
      return { status: 200, body: fenceBody(allowed), act: { object: { tool: allowed.tool } } };
    }),
    handle(endFence, async ({ caller, params: { fence }, body: { reason } }) => {
      const ended = known(fence, await fences.end(caller.tenant, fence, { by: nameOf(caller), reason }));
      return { status: 200, body: fenceBody(ended), act: { object: { tool: ended.tool } } };
    }),
    handle(askFence, async ({ caller: { tenant, credential }, body: { source, agent, action, attempt, call } }) => {
      const refusal = checkSender({ source, agent }, credential);
      if (refusal !== undefined) throw new ApiFault(refusal.code, refusal.detail);
      const stopping = await fences.ask(tenant, { source, agent, event: eventId.intended(action, attempt), key: call });
      const body = stopping === undefined ? { fenced: false } : { fenced: true, fence: stopping.id, detail: fencedText(stopping) };
      return { status: 200, body };
    }),
  ];
}

type FencedCall = Pick<Parameters<Fences['set']>[1], 'key' | 'tool' | 'resources'>;

/** @throws ApiFault `fence_call_invalid`, `action_unknown`, `fence_call_unknown` */
async function callOf(fences: Fences, tenant: string, { action, attempt, tool, resources }: SetFenceBody): Promise<FencedCall> {
  if (action === undefined) {
    if (tool === undefined || resources === undefined || !isName(tool) || attempt !== undefined)
      throw new ApiFault('fence_call_invalid', 'Expected `action`, or `tool` and `resources`.');
    const invalid = resources.find((resource) => parseResource(resource) === undefined);
    if (invalid !== undefined) throw new ApiFault('fence_call_invalid', `${JSON.stringify(invalid)} is not a resource URI.`);
    return { key: callKey({ tool, resources, arguments: { inline: {} } }) as string, tool, resources: [...new Set(resources)] };
  }
  if (tool !== undefined || resources !== undefined)
    throw new ApiFault('fence_call_invalid', 'Expected either `action`, or `tool` and `resources`, got both.');
  const call = await fences.callOf(tenant, action, attempt);
  if (call === undefined) throw new ApiFault('action_unknown', `Unknown action ${action}.`);
  const key = call === 'not_recorded' ? undefined : callKey(call);
  if (call === 'not_recorded' || key === undefined)
    throw new ApiFault(
      'fence_call_unknown',
      `Action ${action} has ${call === 'not_recorded' ? 'no intent' : 'no declared resources, and arguments that are sealed or too large to compare'}.`,
    );
  return { key, tool: call.tool, resources: [...new Set(call.resources)] };
}

const unknown = (fence: string): ApiFault => new ApiFault('fence_unknown', `Unknown fence ${fence}.`);

function known(id: string, fence: FenceRecord | 'unknown' | 'ended'): FenceRecord {
  if (fence === 'unknown') throw unknown(id);
  if (fence === 'ended') throw new ApiFault('fence_ended', `Fence ${id} has already ended.`);
  return fence;
}

function refuseTooMany(error: unknown): never {
  throw error instanceof StoreError && error.code === 'too_many' ? new ApiFault('fences_too_many', error.message, { cause: error }) : error;
}

/** For people who read it; the act has both apart. */
const nameOf = ({ id, name }: Caller): string => (name === undefined ? id : `${name} (${id})`);
const iso = (ms: number): string => new Date(ms).toISOString();

function fenceBody({ id, resources, setAtMs, expiresAtMs, ended, allow, ...fence }: FenceRecord): FenceBody {
  return {
    fence: id,
    ...fence,
    resources: [...resources],
    setAt: iso(setAtMs),
    expiresAt: iso(expiresAtMs),
    ...(ended && { ended: { ...timeless(ended), at: iso(ended.atMs) } }),
    ...(allow && { allow: allowBody(allow) }),
  };
}

function timeless<T extends { readonly atMs: number }>({ atMs: _, ...rest }: T): Omit<T, 'atMs'> {
  return rest;
}

function allowBody({ by, reason, atMs, used }: NonNullable<FenceRecord['allow']>): NonNullable<FenceBody['allow']> {
  return { by, reason, at: iso(atMs), ...(used && { used: { ...timeless(used), at: iso(used.atMs) } }) };
}
