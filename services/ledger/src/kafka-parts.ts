import { HEADER_PART, HEADER_SALT, PART_BYTES_MAX } from '@recant/events';
import type { ReceivedMessage } from '@recant/kafka';
import type { Credential, Refusal } from '@recant/ledger';
import type { NewPart, PartReceipt, Parts } from '@recant/store';

/** A part's message of an identified sender. */
export interface ReceivedPart {
  readonly message: ReceivedMessage;
  readonly credential: Credential;
  /** Over its key's rate: checked now, stored later. */
  readonly isOver: boolean;
}

/** Stores the parts of a batch, one statement a tenant. @returns why messages were not stored */
export async function storeParts(
  received: readonly ReceivedPart[],
  parts: Pick<Parts, 'put'>,
): Promise<ReadonlyMap<ReceivedMessage, Refusal>> {
  const refusals = new Map<ReceivedMessage, Refusal>();
  const ofTenant = new Map<string, ReceivedMessage[]>();
  for (const { message, credential, isOver } of received) {
    const refused = refusePart(message, credential);
    if (refused !== undefined) refusals.set(message, refused);
    else if (!isOver) {
      const messages = ofTenant.get(credential.tenant) ?? [];
      messages.push(message);
      ofTenant.set(credential.tenant, messages);
    }
  }
  for (const [tenant, messages] of ofTenant) {
    const receipts = await parts.put(
      tenant,
      messages.map((message) => partOf(saltedOf(message), message.value)),
    );
    for (const [n, message] of messages.entries()) {
      const refused = refusalOfPart(receipts[n] as PartReceipt, message.value);
      if (refused !== undefined) refusals.set(message, refused);
    }
  }
  return refusals;
}

/** Why a part was not stored. */
export function refusalOfPart(receipt: PartReceipt, bytes: Uint8Array): Refusal | undefined {
  if (receipt === 'stored') return undefined;
  if (receipt === 'too_large')
    return { code: 'too_large', detail: `Expected a part of at most ${PART_BYTES_MAX} bytes, got ${bytes.length}.` };
  return { code: 'id_mismatch', detail: `Header ${HEADER_PART} is not the SHA-256 of salt and bytes.` };
}

export interface Salted {
  readonly digest: string;
  readonly salt: string;
}

export const saltedOf = ({ headers }: ReceivedMessage): Salted => ({
  digest: headers[HEADER_PART] ?? '',
  salt: headers[HEADER_SALT] ?? '',
});

export function partOf({ digest, salt }: Salted, bytes: Uint8Array): NewPart {
  return { digest, salt: Buffer.from(salt, 'base64url'), bytes };
}

const SALT = /^[A-Za-z0-9_-]{22}$/;

function refusePart({ headers }: ReceivedMessage, { roles, keyId }: Credential): Refusal | undefined {
  if (!roles.includes('emit') && !roles.includes('rollback'))
    return { code: 'role_missing', detail: `Key ${keyId} lacks the role "emit"; send parts with a key that has it.` };
  if (!SALT.test(headers[HEADER_SALT] ?? ''))
    return { code: 'schema_invalid', detail: `Header ${HEADER_SALT}: expected 16 bytes as base64url.` };
  return undefined;
}
