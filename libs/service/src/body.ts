import type { IncomingMessage } from 'node:http';
import { ANY_MEDIA_TYPE, ApiFault, type BodyDescriptor } from '@recant/api';

/** Bytes of a JSON request that is not about events. */
export const JSON_BODY_BYTES_MAX = 1_048_576;
/** Nesting of a JSON request, the outermost value counted as 1. */
export const JSON_BODY_DEPTH_MAX = 16;
/** Bytes of a refused body that are read and thrown away, so that its sender gets to read the answer. */
const DISCARD_BYTES_MAX = 16_777_216;
const DISCARD_MS_MAX = 5_000;

/** Exactly the bytes received, and of which kind they were said to be (lower case, without parameters). */
export interface RawBody {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
}

export function bodyBytesMax(body: BodyDescriptor): number {
  return body.kind === 'raw' ? body.bytesMax : (body.bytesMax ?? JSON_BODY_BYTES_MAX);
}

/** Bytes to hold for a request before it is read: what it announces, else all that it may send. @throws ApiFault `body_too_large`, `media_type_unsupported` */
export function checkBodyHead(request: IncomingMessage, body: BodyDescriptor): { bytes: number; mediaType: string } {
  const mediaType = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const taken = body.kind === 'json' ? ['application/json'] : Object.keys(body.content);
  if (!taken.includes(mediaType) && !taken.includes(ANY_MEDIA_TYPE))
    throw new ApiFault('media_type_unsupported', `The body is said to be ${JSON.stringify(mediaType)}; this takes ${taken.join(' or ')}.`);
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    throw new ApiFault('media_type_unsupported', `The body is encoded with ${JSON.stringify(encoding)}; send it as it is.`);
  const bytesMax = bodyBytesMax(body);
  const length = request.headers['content-length'];
  const bytes = length === undefined ? bytesMax : Number(length);
  if (!(bytes <= bytesMax)) throw tooLarge(bytesMax);
  return { bytes, mediaType };
}

/** Reads at most `bytesMax`. @throws ApiFault `body_too_large`; `request_invalid` where the sender hangs up */
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
    throw new ApiFault('request_invalid', 'The body ended before it was complete.', { cause });
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size);
}

/** Throws away what is left of a refused body, within bounds. A socket reset would lose the answer on its way. */
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
    throw new ApiFault('request_invalid', `The body is nested more than ${JSON_BODY_DEPTH_MAX} deep.`);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new ApiFault('request_invalid', 'The body is not JSON in UTF-8.', { cause });
  }
}

/** Deepest nesting of JSON text, found before it is parsed. Over the bound it stops counting. */
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
  return new ApiFault('body_too_large', `The body is larger than ${bytesMax} bytes.`);
}
