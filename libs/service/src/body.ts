import type { IncomingMessage } from 'node:http';
import { ANY_MEDIA_TYPE, ApiFault, type BodyDescriptor } from '@recant/api';
import { duplicateMember } from './duplicate-member.ts';

/** Bytes of a JSON request body, unless its descriptor sets a limit. */
export const JSON_BODY_BYTES_MAX = 1_048_576;
/** Nesting levels of a JSON request; the outermost value is level 1. */
export const JSON_BODY_DEPTH_MAX = 16;
/** Bytes of a refused body that are read and discarded, so that the client can read the answer. */
const DISCARD_BYTES_MAX = 16_777_216;
const DISCARD_MS_MAX = 5_000;

/** The bytes as received, with their declared media type (lower case, without parameters). */
export interface RawBody {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
}

export function bodyBytesMax(body: BodyDescriptor): number {
  return body.kind === 'raw' ? body.bytesMax : (body.bytesMax ?? JSON_BODY_BYTES_MAX);
}

/** Bytes to reserve before the body is read: its Content-Length, else the limit. @throws ApiFault `body_too_large`, `media_type_unsupported` */
export function checkBodyHead(request: IncomingMessage, body: BodyDescriptor): { bytes: number; mediaType: string } {
  const mediaType = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const accepted = body.kind === 'json' ? ['application/json'] : Object.keys(body.content);
  if (!accepted.includes(mediaType) && !accepted.includes(ANY_MEDIA_TYPE))
    throw new ApiFault('media_type_unsupported', `Expected Content-Type ${accepted.join(' or ')}, got ${JSON.stringify(mediaType)}.`);
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    throw new ApiFault('media_type_unsupported', `Content-Encoding ${JSON.stringify(encoding)} is not supported; send the body unencoded.`);
  const bytesMax = bodyBytesMax(body);
  const length = request.headers['content-length'];
  const bytes = length === undefined ? bytesMax : Number(length);
  if (!(bytes <= bytesMax)) throw tooLarge(bytesMax);
  return { bytes, mediaType };
}

/** Reads at most `bytesMax`. @throws ApiFault `body_too_large`; `request_invalid` if the client disconnects */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > bytesMax) throw tooLarge(bytesMax);
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof ApiFault) throw cause;
    throw new ApiFault('request_invalid', 'The connection closed before the body was complete.', { cause });
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size);
}

/** Reads and discards the rest of a refused body, up to DISCARD_BYTES_MAX and DISCARD_MS_MAX. Closing the socket instead could lose the answer. */
export async function discardBody(request: IncomingMessage): Promise<void> {
  if (request.readableEnded || request.destroyed) return;
  await new Promise<void>((resolve) => {
    let size = 0;
    const timer = setTimeout(resolve, DISCARD_MS_MAX);
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > DISCARD_BYTES_MAX) resolve();
    });
    for (const end of ['end', 'error', 'close'] as const) request.once(end, () => resolve());
    request.resume();
    timer.unref();
  });
}

/** @throws ApiFault `request_invalid` */
export function parseJson(bytes: Uint8Array): unknown {
  if (depthOf(bytes) > JSON_BODY_DEPTH_MAX)
    throw new ApiFault('request_invalid', `The JSON body exceeds ${JSON_BODY_DEPTH_MAX} nesting levels.`);
  const { text, value } = parsedText(bytes);
  const twice = duplicateMember(text);
  if (twice === undefined) return value;
  throw new ApiFault('request_invalid', `The body names the member ${JSON.stringify(twice.slice(0, 80))} twice in one object.`);
}

function parsedText(bytes: Uint8Array): { readonly text: string; readonly value: unknown } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { text, value: JSON.parse(text) };
  } catch (cause) {
    throw new ApiFault('request_invalid', 'The body is not valid JSON in UTF-8.', { cause });
  }
}

/** Nesting depth of JSON text, counted before parsing; stops above the limit. */
function depthOf(bytes: Uint8Array): number {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < bytes.length && depth <= JSON_BODY_DEPTH_MAX; at++) {
    const byte = bytes[at];
    if (inString) {
      if (byte === 0x5c) at++;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x7b || byte === 0x5b) depth++;
    else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return depth;
}

function tooLarge(bytesMax: number): ApiFault {
  return new ApiFault('body_too_large', `The body exceeds ${bytesMax} bytes.`);
}
