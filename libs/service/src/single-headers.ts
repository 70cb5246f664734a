import type { IncomingMessage } from 'node:http';
import { ApiFault, REASON_HEADER } from '@recant/api';

/** Headers of which Node.js would silently use the first, while a proxy may have checked the last. */
const SINGLE: readonly string[] = [
  'host',
  'authorization',
  'content-type',
  'content-encoding',
  'content-length',
  'recant-after',
  'recant-salt',
  REASON_HEADER,
];

/** @throws ApiFault `request_invalid` for a header that is given twice, and for a missing Host (RFC 9112, 3.2) */
export function requireSingleHeaders({ rawHeaders, httpVersion }: Pick<IncomingMessage, 'rawHeaders' | 'httpVersion'>): void {
  const counts = new Map<string, number>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] as string).toLowerCase();
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const twice = SINGLE.find((name) => (counts.get(name) ?? 0) > 1);
  if (twice !== undefined) throw new ApiFault('request_invalid', `The header ${twice} is given ${counts.get(twice)} times; expected once.`);
  if (httpVersion === '1.1' && !counts.has('host')) throw new ApiFault('request_invalid', 'The header host is missing.');
}
