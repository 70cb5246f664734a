/** Address of an entry; repeated in each of its rows. */
export interface Place {
  readonly tenant: string;
  readonly shard: number;
  readonly idx: number;
  /** Milliseconds since 1970, UTC. */
  readonly receivedAtMs: number;
}
