import { EventError } from './error.ts';
import { RESOURCE_BYTES_MAX } from './limits.ts';

/** A parsed resource. `path` stays percent-encoded: only its connector knows the separator of its segments. */
export interface Resource {
  readonly connector: string;
  readonly system: string;
  readonly path: string;
}

const CONNECTOR = /^[a-z][a-z0-9-]{0,31}$/;
/** Name of a system: the authority of its resources. */
export const SYSTEM_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** RFC 3986 pchar and `/`, without `*`, which patterns use. ASCII only, so bytes equal characters. */
const RESOURCE = /^([a-z][a-z0-9-]{0,31}):\/\/([A-Za-z0-9][A-Za-z0-9._-]{0,63})\/((?:[A-Za-z0-9._~!$&'()+,;=:@/-]|%[0-9A-F]{2})*)$/;
/** Encodings of characters that need none: a resource has exactly one encoding. The dot is missing here, because segments of dots are encoded. */
const NEEDLESS = /%(?:3[0-9]|4[1-9A-F]|5[0-9A]|6[1-9A-F]|7[0-9A]|2D|5F|7E)/;
const DOT_SEGMENT = /\/\.{1,2}(?:\/|$)/;

export function isConnectorName(text: string): boolean {
  return CONNECTOR.test(text);
}

export function isSystemName(text: string): boolean {
  return SYSTEM_NAME.test(text);
}

export function parseResource(text: string): Resource | undefined {
  const found = text.length > RESOURCE_BYTES_MAX ? null : RESOURCE.exec(text);
  if (found === null || !isEncodedOneWay(text)) return undefined;
  const [, connector = '', system = '', path = ''] = found;
  return { connector, system, path };
}

export function isResource(text: string): boolean {
  return text.length <= RESOURCE_BYTES_MAX && RESOURCE.test(text) && isEncodedOneWay(text);
}

function isEncodedOneWay(text: string): boolean {
  return !(text.includes('%') && NEEDLESS.test(text)) && !(text.includes('/.') && DOT_SEGMENT.test(text));
}

/** @throws EventError `resource_invalid` */
export function formatResource(resource: Resource): string {
  const text = `${resource.connector}://${resource.system}/${resource.path}`;
  if (parseResource(text)?.system !== resource.system) {
    throw new EventError(
      'resource_invalid',
      `Invalid resource ${text.slice(0, 200)}: expected <connector>://<system>/<percent-encoded path> of at most ${RESOURCE_BYTES_MAX} bytes.`,
    );
  }
  return text;
}

/**
 * Percent-encodes one segment of a path, including any `/` in it. `parseResource` accepts no other encoding.
 * @throws EventError `resource_invalid` for a lone surrogate
 */
export function percentEncode(piece: string): string {
  if (piece === '.' || piece === '..') return piece.replaceAll('.', '%2E');
  try {
    return encodeURIComponent(piece).replaceAll('*', '%2A');
  } catch (cause) {
    throw new EventError('resource_invalid', 'A resource must not contain a lone surrogate.', { cause });
  }
}

/** @throws EventError `resource_invalid` if the bytes are not UTF-8 */
export function percentDecode(piece: string): string {
  try {
    return decodeURIComponent(piece);
  } catch (cause) {
    throw new EventError('resource_invalid', `Invalid percent-encoding (expected UTF-8): ${piece.slice(0, 200)}`, { cause });
  }
}

const CONNECTOR_WIDE = /^[a-z][a-z0-9-]{0,31}:\/\/[A-Za-z0-9._-]*$/;

/** Whether the text is a valid pattern: a resource, a prefix of a resource followed by `*`, or `*` alone. */
export function isResourcePattern(text: string): boolean {
  if (!text.endsWith('*')) return isResource(text);
  const start = text.slice(0, -1);
  return start === '' || isResource(`${start}${CONNECTOR_WIDE.test(start) ? 'x/' : 'x'}`);
}

/** Exact match, or prefix match if the pattern ends in `*`. Resources never contain `*`. */
export function resourceMatches(pattern: string, resource: string): boolean {
  return matches(pattern, resource);
}

/** Exact match, or prefix match if the pattern ends in `*`. */
export function agentMatches(pattern: string, agent: string): boolean {
  return matches(pattern, agent);
}

function matches(pattern: string, text: string): boolean {
  return pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : pattern === text;
}
