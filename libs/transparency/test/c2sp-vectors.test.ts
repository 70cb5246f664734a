import { describe, expect, it } from 'vitest';
import {
  addSignatures,
  COSIGNATURE_TYPE,
  cosigner,
  decodeAddCheckpoint,
  decodeConflict,
  decodeCosignatures,
  decodeTlogProof,
  ED25519_TYPE,
  ed25519Signer,
  encodeAddCheckpoint,
  encodeConflict,
  encodeCosignatures,
  encodeNote,
  encodeTlogProof,
  formatCheckpoint,
  formatVerifierKey,
  judgeAddCheckpoint,
  leafHash,
  parseCheckpoint,
  parseNote,
  parseSigningKey,
  parseVerifierKey,
  signNote,
  TransparencyError,
  verifierKey,
  verifyCheckpoint,
  verifyNote,
  verifySignatures,
  WITNESS_STATUS,
} from '../src/index.ts';
import vectors from './fixtures/c2sp-vectors.json' with { type: 'json' };
import { codeOf, expectCode } from './support.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const { note, checkpoint, cosignature, proof, witness } = vectors;
const peter = parseVerifierKey(note.golang.peterKey);
const enoch = parseVerifierKey(note.golang.enochKey);

describe('C2SP signed-note', () => {
  it('specification, section Verifier keys: the example verifies, and its key round-trips', () => {
    const key = parseVerifierKey(note.spec.vkey);
    expect(verifyNote(parseNote(bytes(note.spec.note)), [key])).toHaveLength(1);
    expect(formatVerifierKey(key)).toBe(note.spec.vkey);
  });
  it('specification, opening example: the text ends at the last empty line, and round-trips', () => {
    const read = parseNote(bytes(note.opening));
    expect(read.text.split('\n')).toHaveLength(5);
    expect(Buffer.from(encodeNote(read)).toString()).toBe(note.opening);
  });
  it('golang.org/x/mod TestSign: the signature is the published one', () => {
    const { name, seed } = parseSigningKey(note.golang.peterSigningKey);
    const signed = encodeNote(signNote(note.golang.text, [ed25519Signer(name, seed)]));
    expect(Buffer.from(signed).toString()).toBe(`${note.golang.text}\n${note.golang.peter}`);
  });
  it('golang.org/x/mod ExampleSign_add_signatures: the key of a seed of zeros signs as published', () => {
    const signer = ed25519Signer('EnochRoot', new Uint8Array(32));
    expect(formatVerifierKey(signer.key)).toBe(note.golang.enochKey);
    const both = addSignatures(
      parseNote(bytes(`${note.golang.text}\n${note.golang.peter}`)),
      signNote(note.golang.text, [signer]).signatures,
    );
    expect(Buffer.from(encodeNote(both)).toString()).toBe(`${note.golang.text}\n${note.golang.peter}${note.golang.enoch}`);
  });
  it('golang.org/x/mod TestOpen: known keys verify, unknown keys are ignored, a note without a known key is refused', () => {
    const both = parseNote(bytes(`${note.golang.text}\n${note.golang.peter}${note.golang.enoch}`));
    expect(verifyNote(both, [peter]).map(({ name }) => name)).toEqual(['PeterNeumann']);
    expect(verifyNote(both, [peter, enoch]).map(({ name }) => name)).toEqual(['PeterNeumann', 'EnochRoot']);
    expectCode('signature_missing', () => verifyNote(both, []));
    const twice = parseNote(bytes(`${note.golang.text}\n${note.golang.peter}${note.golang.peter}${note.golang.enoch}`));
    expect(verifyNote(twice, [peter])).toHaveLength(1);
  });
  it('golang.org/x/mod TestOpen: an invalid signature of a known key makes the note invalid, and 101 are too many', () => {
    const altered = note.golang.peter.slice(0, 60).concat('ABCD', note.golang.peter.slice(60));
    expectCode('signature_invalid', () => verifyNote(parseNote(bytes(`${note.golang.text}\n${altered}`)), [peter]));
    expectCode('too_large', () => parseNote(bytes(`${note.golang.text}\n${note.golang.peter.repeat(101)}`)));
    expect(parseNote(bytes(`${note.golang.text}\n${note.golang.peter.repeat(16)}`)).signatures).toHaveLength(16);
  });
  it.each(Object.entries(note.golang.badNotes))('golang.org/x/mod TestOpen refuses a note with %s', (_, bad) => {
    expect(codeOf(() => parseNote(bytes(bad)))).toBeDefined();
  });
  it('golang.org/x/mod TestOpen refuses a note that is not UTF-8', () => {
    expectCode('text_invalid', () => parseNote(Buffer.concat([Buffer.of(0xff), bytes(`${note.golang.text}\n${note.golang.peter}`)])));
  });
  it('golang.org/x/mod TestNewVerifier: a truncated key and a key with an incremented byte are refused', () => {
    const key = note.golang.peterKey;
    for (let from = 0; from <= key.length; from += 1) {
      for (let to = from + 1; to <= key.length; to += 1) {
        if (to - from < key.length) expect(codeOf(() => parseVerifierKey(key.slice(from, to)))).toBeDefined();
      }
    }
    for (let at = 0; at < key.length; at += 1) {
      const raised = key.slice(0, at) + String.fromCharCode(key.charCodeAt(at) + 1) + key.slice(at + 1);
      expect(codeOf(() => parseVerifierKey(raised))).toBeDefined();
    }
    expect(codeOf(() => parseVerifierKey(note.golang.wrongLengthKey))).toBeDefined();
    expectCode('key_invalid', () => verifierKey('PeterNeumann', ED25519_TYPE, new Uint8Array(33)));
  });
  it('golang.org/x/mod TestNewSigner: a truncated signing key and one with an incremented byte are refused', () => {
    const key = note.golang.peterSigningKey;
    for (let at = 0; at < key.length; at += 1) {
      const raised = key.slice(0, at) + String.fromCharCode(key.charCodeAt(at) + 1) + key.slice(at + 1);
      for (const bad of [raised, key.slice(0, at), key.slice(at + 1)]) expect(codeOf(() => parseSigningKey(bad))).toBeDefined();
    }
  });
  it('golang.org/x/mod TestNewVerifier: a key of an unknown type is accepted, and its signatures are ignored', () => {
    const key = parseVerifierKey(note.golang.unknownTypeKey);
    expect(key.verify).toBeUndefined();
    expect(verifySignatures(parseNote(bytes(`${note.golang.text}\n${note.golang.peter}`)), [key, peter])).toHaveLength(1);
  });
});

describe('C2SP tlog-checkpoint', () => {
  it('specification, example: origin, size and root round-trip', () => {
    const { text } = parseNote(bytes(checkpoint.spec));
    const read = parseCheckpoint(text);
    expect(read).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20_852_163n, extensions: [] });
    expect(formatCheckpoint(read)).toBe(text);
  });
  it('sum.golang.org at 35225469: the real signature verifies', () => {
    const policy = { origin: 'go.sum database tree', logKeys: [parseVerifierKey(checkpoint.sumdb.vkey)] };
    expect(verifyCheckpoint(bytes(checkpoint.sumdb.note), policy).checkpoint.size).toBe(35_225_469n);
    expectCode('origin_mismatch', () => verifyCheckpoint(bytes(checkpoint.sumdb.note), { ...policy, origin: 'go.sum database tref' }));
    expectCode('signature_missing', () => verifyCheckpoint(bytes(checkpoint.sumdb.note), { ...policy, logKeys: [peter] }));
  });
  it('golang.org/x/mod TestFormatTree: the published text', () => {
    const root = leafHash(bytes('hello world'));
    expect(formatCheckpoint({ origin: 'go.sum database tree', size: 123_456_789_012n, root })).toBe(checkpoint.golangTree);
  });
  it('golang.org/x/mod TestParseTree: an additional line is an extension', () => {
    expect(parseCheckpoint(`${checkpoint.golangTree}JOE\n`).extensions).toEqual(['JOE']);
    expect(formatCheckpoint(parseCheckpoint(`${checkpoint.golangTree}JOE\n`))).toBe(`${checkpoint.golangTree}JOE\n`);
  });
  it.each(Object.entries(checkpoint.bad))('refuses %s', (_, bad) => {
    expect(() => parseCheckpoint(bad)).toThrow(TransparencyError);
  });
});

describe('C2SP tlog-cosignature', () => {
  it('specification, example: the time precedes the signature', () => {
    const { signatures } = parseNote(bytes(cosignature.spec.note));
    expect(Buffer.from(signatures[1]?.signature ?? []).readBigUInt64BE()).toBe(BigInt(cosignature.spec.timeSeconds));
    expect(signatures[1]?.signature).toHaveLength(72);
  });
  it('arche2025h1.staging.ct.transparency.dev at 1432088532: log and four public witnesses verify, its RFC 6962 signature is ignored', () => {
    const { note: real, logKey, witnessKeys, timeSeconds } = cosignature.arche;
    const policy = {
      origin: 'arche2025h1.staging.ct.transparency.dev',
      logKeys: [parseVerifierKey(logKey)],
      witnessKeys: witnessKeys.map((key) => parseVerifierKey(key)),
      witnessesMin: 4,
    };
    const { cosignatures } = verifyCheckpoint(bytes(real), policy);
    expect(cosignatures.map((one) => one.timeSeconds)).toEqual([1, 2, 3, 4].map(() => BigInt(timeSeconds)));
    expectCode('signature_invalid', () => verifyCheckpoint(bytes(real.replace('1432088532', '42')), policy));
    expectCode('cosignatures_missing', () => verifyCheckpoint(bytes(real), { ...policy, witnessesMin: 5 }));
    expectCode('key_invalid', () => verifyCheckpoint(bytes(real), { ...policy, witnessKeys: policy.logKeys }));
  });
});

describe('C2SP tlog-proof', () => {
  it.each(Object.entries(proof.good))('transparency-dev/formats: %s', (_, good) => {
    const read = decodeTlogProof(bytes(good.text));
    expect(read).toMatchObject({ index: BigInt(good.index), checkpoint: Uint8Array.from(bytes(good.checkpoint)) });
    expect(read.hashes).toHaveLength(good.hashes);
    expect(read.extra && Buffer.from(read.extra).toString()).toBe('extra' in good ? good.extra : undefined);
    expect(Buffer.from(encodeTlogProof(read)).toString()).toBe(good.text);
  });
  it.each(Object.entries(proof.bad))('transparency-dev/formats refuses: %s', (_, bad) => {
    expect(() => decodeTlogProof(bytes(bad))).toThrow(TransparencyError);
  });
  it('transparency-dev/formats refuses: a line of 65 KiB', () => {
    expectCode('malformed', () => decodeTlogProof(bytes(`c2sp.org/tlog-proof@v1\nindex 0\n${'a'.repeat(65 * 1024)}\n`)));
  });
  it('specification, example: index, hashes and checkpoint text', () => {
    const { index, hashes, checkpoint: text } = proof.spec;
    const read = decodeTlogProof(bytes(`c2sp.org/tlog-proof@v1\nindex ${index}\n${hashes.join('\n')}\n\n${text}`));
    expect(read.index).toBe(BigInt(index));
    expect(read.hashes.map((hash) => Buffer.from(hash).toString('base64'))).toEqual(hashes);
    expect(parseCheckpoint(Buffer.from(read.checkpoint).toString())).toMatchObject({ origin: 'example.com/fancylog', size: 109_482n });
  });
});

describe('C2SP tlog-witness', () => {
  const key = verifierKey(witness.origin, ED25519_TYPE, Buffer.from(witness.logPublicKey, 'hex'));
  const find = (known: number) => (origin: string) => {
    if (origin !== witness.origin) return undefined;
    const root = witness.roots[String(known) as '1' | '5'];
    return { keys: [key], latest: root === undefined ? undefined : { size: BigInt(known), root: Buffer.from(root, 'base64') } };
  };

  it('specification, example request: round-trips', () => {
    const request = decodeAddCheckpoint(bytes(witness.specRequest));
    expect(request).toMatchObject({ sizeBefore: 20_852_014n });
    expect(request.proof).toHaveLength(4);
    expect(parseNote(request.checkpoint).signatures).toHaveLength(2);
    expect(Buffer.from(encodeAddCheckpoint(request)).toString()).toBe(witness.specRequest);
  });
  it('specification, example answer: round-trips', () => {
    const lines = decodeCosignatures(bytes(witness.specAnswer));
    expect(lines.map(({ name }) => name)).toEqual(['witness.example/w1', 'witness.example/w1', 'witness.example/w2']);
    expect(Buffer.from(encodeCosignatures(lines)).toString()).toBe(witness.specAnswer);
  });
  it.each(witness.requests)('torchwood litewitness: $name', ({ body, known, verdict }) => {
    expect(judgeAddCheckpoint(bytes(body), find(known)).kind).toBe(verdict);
  });
  it('torchwood litewitness: its seed gives its public key, and its cosignature verifies on the checkpoint', () => {
    const { body } = witness.requests.find(({ name }) => name === 'consistent growth to 5') as { body: string };
    const verdict = judgeAddCheckpoint(bytes(body), find(1));
    if (verdict.kind !== 'cosign') throw new Error(verdict.kind);
    const signer = cosigner('example.com/witness', Buffer.from(witness.witnessSeed, 'hex'), 1_700_000_000n);
    expect(Buffer.from(signer.key.publicKey).toString('hex')).toBe(witness.witnessPublicKey);
    const answer = encodeCosignatures(signNote(verdict.note.text, [signer]).signatures);
    const cosigned = encodeNote(addSignatures(verdict.note, decodeCosignatures(answer)));
    const policy = {
      origin: witness.origin,
      logKeys: [key],
      witnessKeys: [verifierKey('example.com/witness', COSIGNATURE_TYPE, signer.key.publicKey)],
    };
    expect(verifyCheckpoint(cosigned, { ...policy, witnessesMin: 1 }).cosignatures).toMatchObject([{ timeSeconds: 1_700_000_000n }]);
  });
  it('specification: the status of each verdict, and the size in a conflict', () => {
    expect(WITNESS_STATUS).toEqual({ cosign: 200, malformed: 400, untrusted: 403, unknown_log: 404, conflict: 409, inconsistent: 422 });
    const late = judgeAddCheckpoint(bytes(witness.requests.at(-1)?.body ?? ''), find(5));
    expect(late).toEqual({ kind: 'conflict', size: 5n });
    expect(decodeConflict(encodeConflict(5n))).toBe(5n);
    for (const bad of ['5', '05\n', '5\n\n', '-1\n', '9223372036854775808\n', ''])
      expect(codeOf(() => decodeConflict(bytes(bad)))).toBeDefined();
  });
});
