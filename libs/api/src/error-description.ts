/** never: the same request is refused again. safe: repeat it as it is. after: repeat it after Retry-After. */
export type RetryClass = 'never' | 'safe' | 'after';

export interface ErrorDescription {
  readonly status: number;
  readonly title: string;
  readonly retry: RetryClass;
  /** What the caller can do about it: an imperative, in the words of the command line. */
  readonly action: string;
}
