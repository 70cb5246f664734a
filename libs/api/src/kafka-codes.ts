import type { ErrorDescription } from './error-description.ts';

/** Codes of dead letters that only messages from Kafka become. */
export const KAFKA_REFUSALS = {
  undecodable: {
    status: 422,
    title: 'Undecodable record batch',
    retry: 'never',
    action: 'Send the messages again in batches of at most 4 MiB, compressed with gzip, snappy, lz4, zstd or not at all.',
  },
  backlog_full: {
    status: 429,
    title: 'Too many messages waiting',
    retry: 'after',
    action: 'Send fewer events under this key, or have its rate raised or its log repaired; then send the named messages again.',
  },
} as const satisfies Record<string, ErrorDescription>;
