import { agentMatches, decodeEvent, type EventOf, OWN_AGENT, type RecantEvent } from '@recant/events';
import type { Credential, Refusal } from './ports.ts';

export type Admission =
  | { readonly ok: true; readonly event: RecantEvent }
  /** `event` is there where the bytes were an event and the credential does not allow it. */
  | { readonly ok: false; readonly refusal: Refusal; readonly event?: RecantEvent };

/** What only Recant's own services say. */
const OWN_ACTS = /^recant\.(plan|run|act|authority)\./;

/** Judges one message: first its bytes, then whether its credential may say it. Tenant, sources and agents come from the credential alone. */
export function admit(bytes: Uint8Array, credential: Credential): Admission {
  const decoded = decodeEvent(bytes);
  if (!decoded.ok) return { ok: false, refusal: { code: decoded.code, detail: decoded.detail } };
  const { event } = decoded;
  const refusal =
    checkRole(event, credential) ?? checkSource(event, credential) ?? checkAgent(event, credential) ?? checkCompensations(event);
  return refusal === undefined ? { ok: true, event } : { ok: false, refusal, event };
}

function checkRole(event: RecantEvent, { roles, keyId }: Credential): Refusal | undefined {
  const ownAct = OWN_ACTS.test(event.type);
  const inverse = event.type === 'recant.attempt.intended.v1' && event.data.inverts !== undefined;
  if ((ownAct || inverse) && !roles.includes('rollback')) {
    const what = ownAct ? event.type : 'an intent with "inverts"';
    return { code: 'role_missing', detail: `Key ${keyId} has no role "rollback": only Recant's own services may send ${what}.` };
  }
  if (roles.includes('emit') || roles.includes('rollback')) return undefined;
  return { code: 'role_missing', detail: `Key ${keyId} has no role "emit": send events with a key that has it.` };
}

function checkSource(event: RecantEvent, { sourcePrefix, keyId }: Credential): Refusal | undefined {
  if (sourceWithin(sourcePrefix, event.source)) return undefined;
  return { code: 'source_not_allowed', detail: `Key ${keyId} may send from sources under ${sourcePrefix}, not from ${event.source}.` };
}

/** Prefixes end at a slash: `recant://shop` covers `recant://shop/1` and not `recant://shopping/1`. */
export function sourceWithin(prefix: string, source: string): boolean {
  return source === prefix || source.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`);
}

function checkAgent(event: RecantEvent, { agents, roles, keyId }: Credential): Refusal | undefined {
  const { agent } = event;
  if (agent === OWN_AGENT && !roles.includes('rollback')) {
    return { code: 'agent_not_allowed', detail: `The agent "${OWN_AGENT}" is Recant itself: key ${keyId} may not speak for it.` };
  }
  if (agents.some((pattern) => agentMatches(pattern, agent))) return undefined;
  return {
    code: 'agent_not_allowed',
    detail: `Key ${keyId} may not speak for the agent ${agent}: register the agent for the key, or use its own key.`,
  };
}

/** A recorded inverse names the connector of its own resource and no other. */
function checkCompensations(event: RecantEvent): Refusal | undefined {
  if (event.type !== 'recant.attempt.effects.v1') return undefined;
  for (const effect of (event as EventOf<'recant.attempt.effects.v1'>).data.effects) {
    const named = effect.compensation?.connector;
    if (named !== undefined && !effect.resource.startsWith(`${named}://`)) {
      return {
        code: 'resource_invalid',
        detail: `The compensation of ${effect.resource} names the connector ${named}: it must be the resource's own.`,
      };
    }
  }
  return undefined;
}
