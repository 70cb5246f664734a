import { hash, randomBytes } from 'node:crypto';
import { macSecretOf, PART_BYTES_MAX, parseApiKey, partDigest } from '@recant/events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSealer, killAtFailpoint } from '../src/index.ts';
import { type Fixture, openFixture } from './fixture.ts';

describe('credentials, systems, parts', () => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await openFixture();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  it('returns an API key once and stores only its hash', async () => {
    const { credentials } = fixture.store;
    const wanted = { tenant: 'other', roles: ['view', 'emit'], sourcePrefix: 'recant://o', agents: ['a*'], resources: ['*'] } as const;
    const { apiKey, credential } = await credentials.create({ ...wanted, label: 'ci' });
    const { keyId, secret } = parseApiKey(apiKey) as { keyId: string; secret: Uint8Array };
    expect(credential).toEqual({ ...wanted, keyId });
    const stored = await credentials.find(keyId);
    expect(stored).toMatchObject({ credential });
    expect(Buffer.from(stored?.secretHash ?? []).toString('hex')).toBe(hash('sha256', secret));
    expect(new Uint8Array(stored?.macSecret ?? [])).toEqual(macSecretOf(secret));
    const { rows } = await fixture.store.pool.query('SELECT * FROM recant.credential WHERE key_id = $1', [keyId]);
    expect(JSON.stringify(rows)).not.toContain(JSON.stringify([...macSecretOf(secret)]).slice(1, -1));
    expect((await credentials.list('other')).map(({ label }) => label)).toEqual(['ci']);
  });

  it('distinguishes a revoked key from a valid one, and no tenant can revoke the key of another', async () => {
    const { credentials } = fixture.store;
    const { credential } = await credentials.create({ tenant: 'other', roles: [], sourcePrefix: 'x', agents: [], resources: [] });
    expect(await credentials.revoke('acme', credential.keyId)).toBe(false);
    expect(await credentials.find(credential.keyId)).toMatchObject({ credential });
    expect(await credentials.revoke('other', credential.keyId)).toBe(true);
    expect(await credentials.find(credential.keyId)).toMatchObject({ ended: 'revoked', was: credential });
    expect(await credentials.find('nosuchkey')).toBeUndefined();
  });

  it('binds the sealed options of a system to its tenant and name', async () => {
    const { systems, pool } = fixture.store;
    const system = { name: 'shop', connector: 'postgres', identity: '7', options: { url: 'postgres://u:secret@h/d' } };
    expect(await systems.put('acme', system)).toMatchObject(system);
    expect(await systems.put('acme', { ...system, options: { url: 'other' } })).toMatchObject({ options: { url: 'other' } });
    expect(await systems.list('acme')).toHaveLength(1);
    expect(await systems.find('other', 'shop')).toBeUndefined();
    const { rows } = await pool.query('SELECT options FROM recant.system');
    expect(rows[0].options.toString('latin1')).not.toContain('other');
    expect(() => fixture.store.sealer.open(rows[0].options, 'system.options other shop')).toThrow(
      expect.objectContaining({ code: 'seal_broken' }),
    );
  });

  it('stores a part only under the digest of its salt and bytes', async () => {
    const { parts } = fixture.store;
    const salt = randomBytes(16);
    const bytes = randomBytes(20_000);
    const digest = partDigest(salt, bytes);
    expect(
      await parts.put('acme', [
        { digest, salt, bytes },
        { digest, salt, bytes },
      ]),
    ).toEqual(['stored', 'stored']);
    expect(await parts.put('acme', [{ digest, salt, bytes }])).toEqual(['stored']);
    const cut = { digest, salt, bytes: bytes.subarray(1) };
    const large = { digest, salt, bytes: Buffer.alloc(PART_BYTES_MAX + 1) };
    expect(await parts.put('acme', [cut, large, { digest, salt, bytes }])).toEqual(['digest_mismatch', 'too_large', 'stored']);
    expect(await parts.get('acme', digest)).toEqual({ salt, bytes });
    expect(await parts.get('other', digest)).toBeUndefined();
  });
});

describe('sealer', () => {
  it('opens a complete sealed value only under the same key and purpose', () => {
    const sealer = createSealer(new Uint8Array(32).fill(1));
    const sealed = sealer.seal(Buffer.from('secret'), 'a');
    expect(sealer.open(sealed, 'a').toString()).toBe('secret');
    expect(sealer.seal(Buffer.from('secret'), 'a').equals(sealed)).toBe(false);
    const broken = [...sealed.keys()].map((n) => Buffer.from(sealed.map((byte, at) => (at === n ? byte ^ 1 : byte))));
    for (const bytes of [...broken, sealed.subarray(0, 20), Buffer.alloc(0)]) expect(() => sealer.open(bytes, 'a')).toThrow();
    expect(() => sealer.open(sealed, 'b')).toThrow();
    expect(() => createSealer(new Uint8Array(32).fill(2)).open(sealed, 'a')).toThrow();
    expect(() => createSealer(new Uint8Array(31))).toThrow(RangeError);
  });

  it('opens values sealed under an earlier master key, and seals under the newest', () => {
    const [older, newest] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const rotated = createSealer(newest, [older]);
    expect(rotated.open(createSealer(older).seal(Buffer.from('secret'), 'a'), 'a').toString()).toBe('secret');
    expect(
      createSealer(newest)
        .open(rotated.seal(Buffer.from('secret'), 'a'), 'a')
        .toString(),
    ).toBe('secret');
  });
});

describe('failpoints', () => {
  it('are off unless named, and a misspelt name is refused', () => {
    expect(killAtFailpoint(undefined)).toBeUndefined();
    expect(killAtFailpoint('')).toBeUndefined();
    for (const wrong of ['copy', 'copy.before', 'copy.before:0', 'nowhere:1']) expect(() => killAtFailpoint(wrong)).toThrow(RangeError);
  });
});
