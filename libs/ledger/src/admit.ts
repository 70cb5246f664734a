import { agentMatches, decodeEvent, isPlainName, OWN_AGENT, type RecantEvent } from '@recant/events';
import type { Credential, Refusal } from './ports.ts';

export type Admission =
  | { readonly ok: true; readonly event: RecantEvent }
  /** `event`: present where the bytes are a valid event that the credential does not allow. */
  | { readonly ok: false; readonly refusal: Refusal; readonly event?: RecantEvent };

/** Event types reserved for Recant's own services. What a target observed is one of them: an agent cannot speak for a target. */
const OWN_ACTS = /^recant\.(?:act|attempt\.observed)\./;

const CONFUSABLE = 'has invisible characters, spaces at its ends, or letters of two scripts that look alike.';

/** Checks one message: first its bytes, then its credential, the only source of tenant, sources and agents. */
export function admit(bytes: Uint8Array, credential: Credential): Admission {
  const decoded = decodeEvent(bytes);
  if (!decoded.ok) return { ok: false, refusal: { code: decoded.code, detail: decoded.detail } };
  const { event } = decoded;
  const refusal = checkRole(event, credential) ?? checkSender(event, credential) ?? checkEffects(event);
  return refusal === undefined ? { ok: true, event } : { ok: false, refusal, event };
}

function checkRole(event: RecantEvent, { roles, keyId }: Credential): Refusal | undefined {
  const ownAct = OWN_ACTS.test(event.type);
  const inverse = event.type === 'recant.attempt.intended.v1' && event.data.inverts !== undefined;
  if ((ownAct || inverse) && !roles.includes('rollback')) {
    const what = ownAct ? event.type : 'an intent with "inverts"';
    return { code: 'role_missing', detail: `Key ${keyId} lacks the role "rollback": only Recant's own services may send ${what}.` };
  }
  if (roles.includes('emit') || roles.includes('rollback')) return undefined;
  return { code: 'role_missing', detail: `Key ${keyId} lacks the role "emit": use a key with that role.` };
}

type Sender = Pick<RecantEvent, 'source' | 'agent'>;

/** Whether a credential may record under this source and agent. */
export function checkSender(sender: Sender, credential: Credential): Refusal | undefined {
  return checkSource(sender, credential) ?? checkAgent(sender, credential);
}

function checkSource({ source }: Sender, { sourcePrefix, keyId }: Credential): Refusal | undefined {
  if (!isPlainName(source)) return { code: 'source_not_allowed', detail: `The source ${JSON.stringify(source)} ${CONFUSABLE}` };
  if (sourceWithin(sourcePrefix, source)) return undefined;
  return { code: 'source_not_allowed', detail: `Key ${keyId} is limited to sources under ${sourcePrefix}, got ${source}.` };
}

/** Prefixes end at a slash: `recant://shop` covers `recant://shop/1` and not `recant://shopping/1`. */
export function sourceWithin(prefix: string, source: string): boolean {
  return source === prefix || source.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`);
}

function checkAgent({ agent }: Sender, { agents, roles, keyId }: Credential): Refusal | undefined {
  if (agent === OWN_AGENT && !roles.includes('rollback')) {
    return {
      code: 'agent_not_allowed',
      detail: `The agent name "${OWN_AGENT}" is reserved for Recant's own services; key ${keyId} may not use it.`,
    };
  }
  if (!isPlainName(agent)) return { code: 'agent_not_allowed', detail: `The agent name ${JSON.stringify(agent)} ${CONFUSABLE}` };
  if (agents.some((pattern) => agentMatches(pattern, agent))) return undefined;
  return {
    code: 'agent_not_allowed',
    detail: `Key ${keyId} may not record events of agent ${agent}: use a key created with \`--agent ${agent}\`.`,
  };
}

/** A recorded inverse must name the connector of its own resource; what a target observed must be a resource of that target. */
function checkEffects(event: RecantEvent): Refusal | undefined {
  if (event.type !== 'recant.attempt.effects.v1' && event.type !== 'recant.attempt.observed.v1') return undefined;
  const system = event.type === 'recant.attempt.observed.v1' ? event.data.system : undefined;
  for (const { resource, compensation } of event.data.effects) {
    const named = compensation?.connector;
    if (named !== undefined && !resource.startsWith(`${named}://`)) {
      return {
        code: 'resource_invalid',
        detail: `Wrong connector in the compensation of ${resource}: expected that of the resource, got ${named}.`,
      };
    }
    if (system !== undefined && !resource.startsWith(`${system}/`, resource.indexOf('://') + 3)) {
      return { code: 'resource_invalid', detail: `Wrong system in the observed effect on ${resource}: expected ${system}.` };
    }
  }
  return undefined;
}
