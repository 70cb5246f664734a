import {
  buildHeadsTree,
  cosigner,
  decodeTlogProof,
  ed25519Signer,
  encodeNote,
  formatCheckpoint,
  formatVerifierKey,
  judgeAddCheckpoint,
  leafHash,
  leavesReader,
  parseNote,
  parseSigningKey,
  parseVerifierKey,
  proveConsistency,
  proveInclusion,
  rootOf,
  signNote,
  TransparencyError,
  verifierKey,
  verifyCheckpoint,
  verifyConsistency,
  verifyInclusion,
  verifyNote,
} from '../../src/index.ts';
import c2sp from '../fixtures/c2sp-vectors.json' with { type: 'json' };
import edges from '../fixtures/ed25519-edges.json' with { type: 'json' };
import probes from '../fixtures/merkle-probes.json' with { type: 'json' };

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const fromHex = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function outcome(act: () => unknown): string {
  try {
    return String(act());
  } catch (error) {
    if (error instanceof TransparencyError) return error.code;
    throw error;
  }
}

function edgeOutcome({ key, sig, msg }: { key: string; sig: string; msg: string }): string {
  return outcome(() => verifierKey('edge', 1, fromHex(key)).verify?.(msg, fromHex(sig)));
}

/** Result of every vector, by name: the same on every platform. */
export async function outcomes(): Promise<Record<string, string>> {
  const results: Record<string, string> = {};
  const record = (name: string, act: () => unknown) => {
    results[name] = outcome(act);
  };
  const { note, checkpoint, cosignature, proof, witness } = c2sp;
  record('C2SP signed-note, example', () => verifyNote(parseNote(bytes(note.spec.note)), [parseVerifierKey(note.spec.vkey)]).length);
  const { name, seed } = parseSigningKey(note.golang.peterSigningKey);
  record('golang.org/x/mod sumdb/note TestSign', () => hexOf(encodeNote(signNote(note.golang.text, [ed25519Signer(name, seed)]))));
  record('sum.golang.org at 35225469', () =>
    hexOf(
      verifyCheckpoint(bytes(checkpoint.sumdb.note), { origin: 'go.sum database tree', logKeys: [parseVerifierKey(checkpoint.sumdb.vkey)] })
        .checkpoint.root,
    ),
  );
  record('arche2025h1 at 1432088532, four witnesses', () => {
    const origin = 'arche2025h1.staging.ct.transparency.dev';
    const witnessKeys = cosignature.arche.witnessKeys.map((key) => parseVerifierKey(key));
    return verifyCheckpoint(bytes(cosignature.arche.note), { origin, logKeys: [parseVerifierKey(cosignature.arche.logKey)], witnessKeys })
      .cosignatures.length;
  });
  for (const [bad, text] of Object.entries(proof.bad)) record(`C2SP tlog-proof, ${bad}`, () => decodeTlogProof(bytes(text)).index);
  const key = verifierKey(witness.origin, 1, fromHex(witness.logPublicKey));
  for (const { name: request, body, known } of witness.requests) {
    const root = witness.roots[String(known) as '1' | '5'];
    const latest = root === undefined ? undefined : { size: BigInt(known), root: fromBase64(root) };
    record(
      `C2SP tlog-witness, ${request}`,
      () => judgeAddCheckpoint(bytes(body), (origin) => (origin === witness.origin ? { keys: [key], latest } : undefined)).kind,
    );
  }
  for (const [probe, { leafIdx, treeSize, leafHash: leaf, proof: path, root }] of Object.entries(probes.inclusion)) {
    record(`inclusion/${probe}`, () =>
      verifyInclusion(BigInt(leafIdx), BigInt(treeSize), fromBase64(leaf), path.map(fromBase64), fromBase64(root)),
    );
  }
  for (const [probe, { size1, root1, size2, root2, proof: path }] of Object.entries(probes.consistency)) {
    const [before, after] = [
      { size: BigInt(size1), root: fromBase64(root1) },
      { size: BigInt(size2), root: fromBase64(root2) },
    ];
    record(`consistency/${probe}`, () => verifyConsistency(before, after, path.map(fromBase64)));
  }
  for (const edge of edges.vectors) results[`C2SP/CCTV ed25519 ${edge.number}`] = edgeOutcome(edge);
  // About half of them are not points of the curve.
  for (let fill = 3; fill < 20; fill += 1) {
    const edge = { key: hexOf(new Uint8Array(32).fill(fill)), sig: hexOf(new Uint8Array(64).fill(9)), msg: 'x' };
    results[`a key of bytes ${fill}`] = edgeOutcome(edge);
  }
  await ownOutcomes(results);
  return results;
}

/** Encoded results, byte for byte. */
async function ownOutcomes(results: Record<string, string>): Promise<void> {
  const leaves = Array.from({ length: 300 }, (_, at) => leafHash(bytes(`leaf ${at}`)));
  const signer = cosigner('witness.example/w1', new Uint8Array(32).fill(5), 1_800_000_000n);
  results['a witness key'] = formatVerifierKey(signer.key);
  results['a cosigned checkpoint'] = hexOf(
    encodeNote(signNote(formatCheckpoint({ origin: 'o', size: 300n, root: rootOf(leaves) }), [signer])),
  );
  results['a path'] = (await proveInclusion(77n, 300n, leavesReader(leaves))).map(hexOf).join(' ');
  results['a consistency proof'] = (await proveConsistency(77n, 300n, leavesReader(leaves))).map(hexOf).join(' ');
  results['a root of heads'] = hexOf(buildHeadsTree(3n, 1024, [{ tenant: 'ä', slot: 9, logs: [] }], new Uint8Array(32).fill(1)).root);
}
