/** An order to start no new actions. */
export interface FreezeRule {
  readonly freeze: string;
  /** `agent`, `principal`, `session`, `tool` or `tenant`. */
  readonly scope: string;
  readonly value?: string;
  readonly reason: string;
  readonly by: string;
  /** RFC 3339. */
  readonly orderedAt: string;
}
