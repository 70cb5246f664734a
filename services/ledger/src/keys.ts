import {
  ApiFault,
  type CreatedKey,
  createKey,
  type KeyBody,
  listKeys,
  OVERLAP_MS_DEFAULT,
  parseExpiry,
  parseOverlap,
  revokeKey,
  rotateKey,
} from '@recant/api';
import { isResourcePattern } from '@recant/events';
import { type BoundRoute, type Caller, handle } from '@recant/service';
import type { CredentialSummary, Credentials, MadeCredential } from '@recant/store';

/** Roles that the API never gives to a key: `rollback` is for Recant's own services, `approve` for people. */
const RESERVED_ROLES: ReadonlySet<string> = new Set(['rollback', 'approve']);

/** API keys of the caller's tenant. */
export function keyRoutes(credentials: Credentials, clock: () => number): readonly BoundRoute[] {
  return [
    handle(listKeys, async ({ caller }) => ({
      status: 200,
      body: { items: (await credentials.list(caller.tenant)).map(keyBody) },
    })),
    handle(createKey, async ({ caller, body }) => {
      const { label, expires, person, ...fields } = body;
      refuseReservedRoles(body.roles);
      requirePatterns(body.resources);
      const made = await credentials.create({
        tenant: caller.tenant,
        ...fields,
        ...(label === undefined ? {} : { label }),
        people: await peopleOfNewKey(credentials, caller, person),
        ...expiry(expires, clock()),
      });
      return { status: 201, body: createdBody(made), act: { object: { keyId: made.credential.keyId }, detail: keyBindings(made) } };
    }),
    handle(rotateKey, async ({ caller, params, body }) => {
      const { keyId } = params;
      refuseReservedRoles((await findKey(credentials, caller.tenant, keyId)).credential.roles);
      const overlapMs = body.overlap === undefined ? OVERLAP_MS_DEFAULT : parseOverlap(body.overlap);
      const people = await peopleBehind(credentials, caller);
      const rotated = await credentials.rotate(caller.tenant, keyId, { overlapMs, people, ...expiry(body.expires, clock()) });
      if (rotated.kind === 'unknown') throw new ApiFault('key_unknown', `Unknown key ${keyId}.`);
      if (rotated.kind === 'inactive')
        throw new ApiFault('key_inactive', `Key ${keyId} ${rotated.why === 'rotated' ? 'already has a successor' : `is ${rotated.why}`}.`);
      const old = { predecessor: keyId, predecessorEndsAt: isoOf(rotated.predecessorEndsAtMs) };
      return {
        status: 201,
        body: { ...createdBody(rotated.made), ...old },
        act: { object: { successor: rotated.made.credential.keyId }, detail: { ...keyBindings(rotated.made), ...old } },
      };
    }),
    handle(revokeKey, async ({ caller, params }) => {
      await findKey(credentials, caller.tenant, params.keyId);
      await credentials.revoke(caller.tenant, params.keyId);
      return { status: 204 };
    }),
  ];
}

/** Who sees the key that the caller makes. */
async function peopleBehind(credentials: Credentials, caller: Caller): Promise<readonly string[]> {
  return caller.kind === 'person' ? [caller.id] : credentials.peopleOf(caller.tenant, caller.id);
}

/** @throws ApiFault `key_maker_unknown`: nobody knows who has the caller's key, and that person sees the new key, too */
async function peopleOfNewKey(credentials: Credentials, caller: Caller, person: string | undefined): Promise<readonly string[]> {
  const makers = await peopleBehind(credentials, caller);
  if (person === undefined) return makers;
  if (makers.length === 0)
    throw new ApiFault('key_maker_unknown', `Key ${caller.id} is nobody's: a key that it makes cannot be ${person}'s alone.`);
  return [...new Set([...makers, `person:${person}`])];
}

/** @throws ApiFault `role_missing` */
function refuseReservedRoles(roles: readonly string[]): void {
  const reserved = roles.find((role) => RESERVED_ROLES.has(role));
  if (reserved !== undefined)
    throw new ApiFault('role_missing', `The role ${reserved} cannot be given to a key.`, { action: `Remove the role \`${reserved}\`.` });
}

/** A pattern that matches no resource would only look like a restriction. @throws ApiFault `resource_pattern_invalid` */
function requirePatterns(resources: readonly string[]): void {
  const invalid = resources.find((pattern) => !isResourcePattern(pattern));
  if (invalid !== undefined)
    throw new ApiFault(
      'resource_pattern_invalid',
      `${JSON.stringify(invalid.slice(0, 80))} is not a resource pattern; no resource can match it.`,
    );
}

/** @throws ApiFault `key_unknown` */
async function findKey(credentials: Credentials, tenant: string, keyId: string): Promise<CredentialSummary> {
  const key = (await credentials.list(tenant)).find((one) => one.credential.keyId === keyId);
  if (key === undefined) throw new ApiFault('key_unknown', `Unknown key ${keyId}.`);
  return key;
}

function expiry(expires: string | undefined, nowMs: number): { expiresAtMs?: number } {
  return expires === undefined ? {} : { expiresAtMs: parseExpiry(expires, nowMs) };
}

function keyBody({
  credential,
  people,
  label,
  createdAtMs,
  expiresAtMs,
  revokedAtMs,
  state,
  predecessor,
  successor,
}: CredentialSummary): KeyBody {
  return {
    ...fieldsOf(credential),
    label,
    people: [...people],
    createdAt: isoOf(createdAtMs),
    ...(expiresAtMs === undefined ? {} : { expiresAt: isoOf(expiresAtMs) }),
    ...(revokedAtMs === undefined ? {} : { revokedAt: isoOf(revokedAtMs) }),
    state,
    ...(predecessor === undefined ? {} : { predecessor }),
    ...(successor === undefined ? {} : { successor }),
  };
}

/** The fields of a new key without its secret. */
export function keyBindings({ credential, people, expiresAtMs }: MadeCredential) {
  return { ...fieldsOf(credential), people: [...people], ...(expiresAtMs === undefined ? {} : { expiresAt: isoOf(expiresAtMs) }) };
}

function createdBody(made: MadeCredential): CreatedKey {
  return { apiKey: made.apiKey, ...keyBindings(made) };
}

function fieldsOf({ keyId, roles, sourcePrefix, agents, resources }: CredentialSummary['credential']) {
  return { keyId, roles: [...roles], sourcePrefix, agents: [...agents], resources: [...resources] };
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
