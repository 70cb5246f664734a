import type { ErrorDescription } from './error-description.ts';

/** Codes of requests that are refused before or while they are read. */
export const CONNECTION_ERROR_CODES = {
  headers_too_large: {
    status: 431,
    title: 'Request headers too large',
    retry: 'never',
    action: 'Send at most 16 KiB of request line and headers.',
  },
  request_timeout: {
    status: 408,
    title: 'Request not received in time',
    retry: 'safe',
    action: 'Send the headers within 10 s and the whole request within 60 s.',
  },
  overloaded: {
    status: 429,
    title: 'Service overloaded',
    retry: 'after',
    action: 'Retry the same request after Retry-After seconds.',
  },
  too_many_requests_open: {
    status: 429,
    title: 'Too many requests in progress',
    retry: 'after',
    action: 'Wait for answers before sending more requests, then retry after Retry-After seconds.',
  },
  too_many_streams: {
    status: 429,
    title: 'Too many open event streams',
    retry: 'after',
    action: 'Close streams that nobody reads, or poll with `seconds=0`; open another one after Retry-After seconds.',
  },
  connections_exhausted: {
    status: 503,
    title: 'Too many connections',
    retry: 'after',
    action: 'Close idle connections, reuse open ones, and retry after Retry-After seconds. Operators are let in.',
  },
} as const satisfies Record<string, ErrorDescription>;
