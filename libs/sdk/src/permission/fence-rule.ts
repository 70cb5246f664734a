/** What stops a call that repeats one that must not be repeated. */
export interface FenceRule {
  readonly fence: string;
  /** Who set it, why, and until when. */
  readonly detail: string;
}
