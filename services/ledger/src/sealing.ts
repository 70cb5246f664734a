import { ApiFault, createDataKey, type ErasedImages, eraseSubject, getPart, showErasure, unsealPart } from '@recant/api';
import type { DataKeys } from '@recant/data-keys';
import { openPart, sealingKeyOf } from '@recant/events';
import { type BoundRoute, handle } from '@recant/service';
import type { Erasure, Erasures, Parts, StoredPart, Systems } from '@recant/store';

export interface SealingDeps {
  readonly parts: Pick<Parts, 'get'>;
  /** Without it, sealing, unsealing and erasure are refused with `sealing_not_configured`. */
  readonly dataKeys: DataKeys | undefined;
  readonly systems: Pick<Systems, 'list'>;
  /** Carried out by the rollback service. */
  readonly erasures: Pick<Erasures, 'request' | 'of'>;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
}

/** Parts, stored and unsealed, and data keys of the caller's tenant. */
export function sealingRoutes({ parts, dataKeys, systems, erasures, clock }: SealingDeps): readonly BoundRoute[] {
  const keys = (): DataKeys => {
    if (!dataKeys) throw new ApiFault('sealing_not_configured', 'RECANT_KEYS_DATABASE_URL is not set.');
    return dataKeys;
  };
  const find = async (tenant: string, digest: string): Promise<StoredPart> => {
    const part = await parts.get(tenant, digest);
    if (!part) throw new ApiFault('part_unknown', `Unknown part ${digest}.`);
    return part;
  };
  return [
    handle(getPart, async ({ caller, params: { digest } }) => {
      const { salt, bytes } = await find(caller.tenant, digest);
      const sealed = sealingKeyOf(bytes) !== undefined;
      return { status: 200, body: { digest, salt: base64url(salt), size: bytes.length, sealed, bytes: base64(bytes) } };
    }),
    handle(unsealPart, async ({ caller: { tenant }, params: { digest } }) => {
      const { bytes } = await find(tenant, digest);
      const { subject, keyId, plain } = await open(keys(), tenant, bytes);
      return { status: 200, body: { digest, subject, bytes: base64(plain) }, act: { object: { subject }, detail: { keyId } } };
    }),
    handle(createDataKey, async ({ caller: { tenant }, body: { subject } }) => {
      const { keyId, key } = await keys().make(tenant, subject);
      return { status: 201, body: { keyId, key: base64(key), tenant, subject } };
    }),
    handle(eraseSubject, async ({ caller: { tenant }, params: { subject } }) => {
      const names = (await systems.list(tenant)).map(({ name }) => name);
      // Without a keys database nothing was sealed, but systems may have images.
      const destroyed = names.length > 0 && dataKeys === undefined ? 0 : await keys().destroy(tenant, subject);
      await erasures.request(tenant, subject, names, clock());
      const images = (await erasures.of(tenant, subject)).map(imagesBody);
      return { status: 200, body: { subject, destroyed, systems: images }, act: { detail: { destroyed, systems: names } } };
    }),
    handle(showErasure, async ({ caller: { tenant }, params: { subject } }) => {
      return { status: 200, body: { subject, systems: (await erasures.of(tenant, subject)).map(imagesBody) } };
    }),
  ];
}

/** @throws ApiFault `part_not_sealed | part_erased | part_unreadable` */
async function open(dataKeys: DataKeys, tenant: string, bytes: Uint8Array) {
  const keyId = sealingKeyOf(bytes);
  if (keyId === undefined) throw new ApiFault('part_not_sealed', 'The part is stored unsealed.');
  const found = await dataKeys.find(tenant, keyId);
  if (found.kind === 'unknown') throw new ApiFault('part_unreadable', `The part is sealed with the unknown data key ${keyId}.`);
  const { subject } = found;
  if (found.kind === 'destroyed')
    throw new ApiFault('part_erased', `The data key of ${subject} was destroyed at ${new Date(found.destroyedAtMs).toISOString()}.`);
  const plain = openPart(bytes, { keyId, key: found.key }, { tenant, subject });
  if (!plain) throw new ApiFault('part_unreadable', `The part could not be decrypted with the data key ${keyId} of ${subject}.`);
  return { keyId, subject, plain };
}

function imagesBody({ system, requestedAtMs, doneAtMs, changes, remains }: Erasure): ErasedImages {
  const isoOf = (ms: number): string => new Date(ms).toISOString();
  return {
    system,
    state: doneAtMs === undefined ? 'pending' : remains.length === 0 ? 'erased' : 'unreached',
    requestedAt: isoOf(requestedAtMs),
    ...(doneAtMs === undefined ? {} : { endedAt: isoOf(doneAtMs) }),
    changes,
    remains: [...remains],
  };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
