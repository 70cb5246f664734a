import type { AttemptStatus } from '@recant/events';

/** What a person found out about an attempt whose outcome is unknown. */
export interface Ruling {
  readonly outcome: 'succeeded' | 'failed';
  readonly reason: string;
  readonly by: string;
  /** Milliseconds since 1970, UTC. */
  readonly atMs: number;
}

export interface RuledStatus {
  readonly status: AttemptStatus;
  /** The outcome that the agent reported after all, other than the ruling: which of them is true, nobody knows. */
  readonly contradicted?: AttemptStatus;
}

/** A person's word closes an unknown outcome. A later report never changes it silently: one that differs makes it unknown again. */
export function ruledStatus(reported: AttemptStatus, ruling: Pick<Ruling, 'outcome'> | undefined): RuledStatus {
  if (ruling === undefined || reported === ruling.outcome) return { status: reported };
  if (reported === 'unknown' || reported === 'open') return { status: ruling.outcome };
  return { status: 'unknown', contradicted: reported };
}
