import { canonicalize, type JsonValue } from '@recant/events';
import type { Signer } from '@recant/ledger';
import { BrokenRule } from '../rules.ts';
import { hasMembers, parseJsonRecord } from './json-record.ts';

export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
export const PREDICATE_TYPE = 'https://recant.dev/bundle/v1';

export interface BundleCounts {
  readonly logs: number;
  readonly entries: number;
  readonly deadLetters: number;
  readonly checkpoints: number;
}

export interface Statement {
  /** SHA-256 of every byte of the file before the statement's record, lower-case hex. */
  readonly digest: string;
  readonly tenant: string;
  readonly made: string;
  readonly counts: BundleCounts;
}

/** Payload of the last record: a signed DSSE envelope. */
export async function encodeStatement(statement: Statement, signer: Signer): Promise<Buffer> {
  const payload = encodePayload(statement);
  const sig = Buffer.from(await signer.sign(preAuthentication(payload))).toString('base64');
  const envelope = { payload: payload.toString('base64'), payloadType: PAYLOAD_TYPE, signatures: [{ keyid: keyIdOf(signer.vkey), sig }] };
  return Buffer.from(canonicalize(envelope));
}

export interface Envelope {
  /** `<name>+<8 hex>`: the first two fields of the vkey. */
  readonly keyId: string;
  readonly signature: Uint8Array;
  /** The signed bytes: DSSE pre-authentication encoding. */
  readonly message: Buffer;
  readonly payload: Buffer;
}

/** @throws BrokenRule `format` */
export function parseEnvelope(bytes: Uint8Array): Envelope {
  const value = parseJsonRecord(bytes, 'the envelope of the statement');
  const signatures = hasMembers(value, ['payload', 'payloadType', 'signatures']) ? value.signatures : undefined;
  const only = Array.isArray(signatures) && signatures.length === 1 ? signatures[0] : undefined;
  if (!hasMembers(only, ['keyid', 'sig']) || value.payloadType !== PAYLOAD_TYPE || typeof only.keyid !== 'string') {
    throw new BrokenRule('format', 'expected a DSSE envelope with one signature as statement');
  }
  const payload = fromBase64(value.payload);
  return { keyId: only.keyid, signature: fromBase64(only.sig), payload, message: preAuthentication(payload) };
}

/** @throws BrokenRule `statement_invalid` where the signed text does not describe the file. */
export function checkStatement(payload: Uint8Array, expected: Statement): void {
  if (!encodePayload(expected).equals(payload)) {
    throw new BrokenRule('statement_invalid', 'digest, counts, tenant or time of the signed statement differ from this file');
  }
}

/** `<name>+<8 hex>` of a vkey. Names contain no plus. */
export function keyIdOf(vkey: string): string {
  return vkey.split('+', 2).join('+');
}

function encodePayload({ digest, tenant, made, counts }: Statement): Buffer {
  const { logs, entries, deadLetters, checkpoints } = counts;
  const statement = {
    _type: STATEMENT_TYPE,
    subject: [{ name: 'bundle', digest: { sha256: digest } }],
    predicateType: PREDICATE_TYPE,
    predicate: { tenant, made, counts: { logs, entries, deadLetters, checkpoints } },
  };
  return Buffer.from(canonicalize(statement));
}

/** DSSE v1 pre-authentication encoding: type and payload, each preceded by its length. */
function preAuthentication(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `), payload]);
}

function fromBase64(text: JsonValue | undefined): Buffer {
  const bytes = Buffer.from(typeof text === 'string' ? text : '', 'base64');
  if (typeof text !== 'string' || bytes.toString('base64') !== text)
    throw new BrokenRule('format', 'the statement contains text that is not canonical base64');
  return bytes;
}
