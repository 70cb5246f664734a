export type KafkaErrorCode = 'unreachable' | 'untrusted' | 'access_refused' | 'topic_mismatch' | 'message_too_large' | 'closed';

/** One line: what is wrong with the broker or topic, and what to do. */
export class KafkaError extends Error {
  readonly code: KafkaErrorCode;

  constructor(code: KafkaErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'KafkaError';
    this.code = code;
  }
}
