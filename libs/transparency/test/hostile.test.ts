import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  COSIGNATURE_TYPE,
  cosigner,
  decodeAddCheckpoint,
  decodeConflict,
  decodeCosignatures,
  decodeEntryBundle,
  decodeHeadRecord,
  decodeTile,
  decodeTlogProof,
  ED25519_TYPE,
  ed25519Signer,
  encodeHeadRecord,
  encodeNote,
  encodeTlogProof,
  formatCheckpoint,
  judgeAddCheckpoint,
  leafHash,
  leavesReader,
  NOTE_BYTES_MAX,
  parseCheckpoint,
  parseNote,
  parseSigningKey,
  parseTilePath,
  parseVerifierKey,
  proveInclusion,
  rootOf,
  signNote,
  signText,
  verifierKey,
  verifyCheckpoint,
  verifyTlogProof,
} from '../src/index.ts';
import vectors from './fixtures/c2sp-vectors.json' with { type: 'json' };
import { codeOf, expectCode, flipOneBit } from './support.ts';

const origin = 'recant.example/log';
const log = ed25519Signer(origin, new Uint8Array(32).fill(1));
const witness = cosigner('witness.example/w1', new Uint8Array(32).fill(2), 1_800_000_000n);
const policy = { origin, logKeys: [log.key], witnessKeys: [witness.key], witnessesMin: 1 };
const leaves = Array.from({ length: 11 }, (_, at) => leafHash(Buffer.from(`leaf ${at}`)));
const text = formatCheckpoint({ origin, size: 11n, root: rootOf(leaves) });
const checkpoint = encodeNote(signNote(text, [log, witness]));
const hashes = await proveInclusion(6n, 11n, leavesReader(leaves));
const proof = encodeTlogProof({ index: 6n, hashes, checkpoint });
const leaf = leaves[6] as Uint8Array;

/** A view, not a copy, because the memory use of the decoders is measured below. */
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();

/** Every decoder of bytes or text, by name. */
const DECODERS: Record<string, (bytes: Uint8Array) => unknown> = {
  parseNote,
  parseCheckpoint: (bytes) => parseCheckpoint(textOf(bytes)),
  verifyCheckpoint: (bytes) => verifyCheckpoint(bytes, policy),
  parseVerifierKey: (bytes) => parseVerifierKey(textOf(bytes)),
  parseSigningKey: (bytes) => parseSigningKey(textOf(bytes)),
  decodeTlogProof,
  verifyTlogProof: (bytes) => verifyTlogProof(bytes, leaf, policy),
  decodeAddCheckpoint,
  judgeAddCheckpoint: (bytes) => judgeAddCheckpoint(bytes, () => ({ keys: [log.key] })),
  decodeCosignatures,
  decodeConflict,
  decodeHeadRecord,
  decodeTile: (bytes) => decodeTile(bytes, 256),
  decodeEntryBundle: (bytes) => decodeEntryBundle(bytes, 256),
  parseTilePath: (bytes) => parseTilePath(textOf(bytes)),
};

const { note, cosignature, witness: sample } = vectors;
const sound: Uint8Array[] = [
  ...[note.spec.vkey, note.spec.note, note.golang.peterSigningKey, cosignature.arche.note, sample.specRequest, sample.specAnswer].map(
    (one) => Buffer.from(one),
  ),
  checkpoint,
  proof,
  encodeHeadRecord({ publication: 3n, width: 1024, root: leaf }),
  Buffer.from('tile/0/x001/x234/067.p/9'),
];

describe('an edit of one byte', () => {
  const everyEdit = (bytes: Uint8Array) =>
    Array.from(bytes).flatMap((_, at) => [1, 0x20, 0x80].map((mask) => Uint8Array.from(bytes).with(at, (bytes[at] as number) ^ mask)));
  const everyCut = (bytes: Uint8Array) =>
    Array.from(bytes, (_, at) => [bytes.subarray(0, at), Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)])]).flat();

  it('anywhere in a cosigned checkpoint is caught', () => {
    expect(verifyCheckpoint(checkpoint, policy).cosignatures).toHaveLength(1);
    for (const edited of [...everyEdit(checkpoint), ...everyCut(checkpoint)])
      expect(codeOf(() => verifyCheckpoint(edited, policy))).toBeDefined();
  });

  it('anywhere in a proof is caught', () => {
    expect(verifyTlogProof(proof, leaf, policy).checkpoint.size).toBe(11n);
    for (const edited of [...everyEdit(proof), ...everyCut(proof)])
      expect(codeOf(() => verifyTlogProof(edited, leaf, policy))).toBeDefined();
  });

  it('anywhere in a leaf, and a proof for another leaf, is caught', () => {
    for (let bit = 0; bit < 256; bit += 1) expectCode('root_mismatch', () => verifyTlogProof(proof, flipOneBit(leaf, bit), policy));
    for (const other of leaves.filter((one) => one !== leaf)) expectCode('root_mismatch', () => verifyTlogProof(proof, other, policy));
  });
});

describe('hostile bytes', () => {
  it.each(Object.entries(DECODERS))('are refused by %s with a code and nothing else', (_, decode) => {
    const edited = fc
      .tuple(fc.constantFrom(...sound), fc.nat(), fc.nat(), fc.uint8Array({ maxLength: 6 }))
      .map(([bytes, from, length, put]) => {
        const at = from % (bytes.length + 1);
        return Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + (length % 40))]);
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), edited), (bytes) => {
        codeOf(() => decode(bytes));
      }),
      { numRuns: 300 },
    );
  });

  it.each(Object.entries(DECODERS))('of 64 MiB are refused by %s without being read', (_, decode) => {
    for (const fill of [0x0a, 0x61, 0x2b]) {
      const huge = Buffer.alloc(fill === 0x0a ? 2 ** 26 : 2 ** 22, fill);
      const before = process.memoryUsage().arrayBuffers;
      expect(codeOf(() => decode(huge)) ?? 'refused as a value').toBeDefined();
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 23);
    }
  });

  it.each([
    ['a size with a leading zero', '011', 'number_invalid'],
    ['a size with a sign', '+11', 'number_invalid'],
    ['a size with a space', '11 ', 'number_invalid'],
    ['a size in another script', '١١', 'number_invalid'],
    ['a size of 2^63', '9223372036854775808', 'number_invalid'],
    ['a size of ten thousand digits', '1'.repeat(10_000), 'number_invalid'],
    ['another size', '12', 'signature_invalid'],
  ] as const)('%s is refused', (_, size, code) => {
    const edited = Buffer.from(Buffer.from(checkpoint).toString().replace('\n11\n', `\n${size}\n`));
    expectCode(code, () => verifyCheckpoint(edited, policy));
  });

  it('base64 that is not the one encoding of its bytes is refused', () => {
    const root = Buffer.from(rootOf(leaves)).toString('base64');
    const last = root.at(-2) as string;
    const sibling = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.at(
      'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.indexOf(last) + 1,
    ) as string;
    for (const bad of [
      root.replace('=', ''),
      `${root}=`,
      `${root.slice(0, -2)}${sibling}=`,
      ` ${root}`,
      root.replace(/.$/, '\t'),
      `${'A'.repeat(40)}====`,
    ]) {
      expectCode('base64_invalid', () => parseCheckpoint(`${origin}\n11\n${bad}\n`));
    }
    expectCode('hash_invalid', () => parseCheckpoint(`${origin}\n11\n${'A'.repeat(40)}\n`));
  });

  it('two different keys with one name and id are refused', () => {
    const twin = { ...log.key, publicKey: new Uint8Array(32) };
    expectCode('key_ambiguous', () => verifyCheckpoint(checkpoint, { ...policy, logKeys: [log.key, twin] }));
    expect(verifyCheckpoint(checkpoint, { ...policy, logKeys: [log.key, log.key] }).signatures).toHaveLength(1);
  });

  it('another key with the log’s name is not accepted, and one witness with two names counts once', () => {
    const forged = encodeNote(signNote(text, [ed25519Signer(origin, new Uint8Array(32).fill(9)), witness]));
    expectCode('signature_missing', () => verifyCheckpoint(forged, policy));
    const alias = cosigner('witness.example/w2', new Uint8Array(32).fill(2), 1_800_000_000n);
    const both = encodeNote({ text, signatures: [log, witness, alias].map((signer) => signText(text, signer)) });
    const keys = [witness.key, verifierKey('witness.example/w2', COSIGNATURE_TYPE, alias.key.publicKey)];
    expectCode('cosignatures_missing', () => verifyCheckpoint(both, { ...policy, witnessKeys: keys, witnessesMin: 2 }));
  });

  it('a log’s signature does not count as a cosignature, nor the reverse', () => {
    const asLog = verifierKey(origin, ED25519_TYPE, witness.key.publicKey);
    const crossed = { text, signatures: [{ name: origin, keyId: asLog.keyId, signature: witness.sign(text).subarray(8) }] };
    expectCode('signature_invalid', () => verifyCheckpoint(encodeNote(crossed), { origin, logKeys: [asLog] }));
  });

  it('an empty tree has one root only', () => {
    const lying = encodeNote(signNote(formatCheckpoint({ origin, size: 0n, root: leaf }), [log]));
    expectCode('root_mismatch', () => verifyCheckpoint(lying, { origin, logKeys: [log.key] }));
  });

  it('a note over the size limit cannot be encoded', () => {
    expectCode('too_large', () => encodeNote(signNote(`${'a'.repeat(NOTE_BYTES_MAX)}\n`, [log])));
    expectCode('text_invalid', () => signNote('no newline', [log]));
    expectCode('text_invalid', () => signNote('a lone \ud800 surrogate\n', [log]));
    expectCode('name_invalid', () => ed25519Signer('a b', new Uint8Array(32)));
  });
});
