export type BatchFault = 'corrupt' | 'too_large' | 'codec_unavailable';

/** Why a record batch cannot be decoded. The message completes the sentence "The batch cannot be decoded: …". */
export class BatchError extends Error {
  override readonly name = 'BatchError';
  readonly fault: BatchFault;

  constructor(fault: BatchFault, message: string, cause?: unknown) {
    super(message, { cause });
    this.fault = fault;
  }
}
