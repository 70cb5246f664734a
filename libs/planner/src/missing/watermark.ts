import type { Missing } from './missing.ts';

/** How far the record of a plan reaches. */
export interface Watermark {
  /** RFC 3339: the plan has what was sent to the ledger or committed in a target before, except for what is missing. */
  readonly at: string;
  /** Captured systems that were drained, and topics that were read, as far as they reached then. */
  readonly systems: readonly string[];
  readonly topics: readonly string[];
  readonly missing: readonly Missing[];
  /** Who plans without what is accepted, and why. Absent: nothing is. */
  readonly acceptance?: { readonly by: string; readonly reason: string };
}

/** What is missing and nobody accepted. */
export const unaccepted = ({ missing }: Pick<Watermark, 'missing'>): readonly Missing[] => missing.filter(({ accepted }) => !accepted);
