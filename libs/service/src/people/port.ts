import type { PersonCaller } from '../caller.ts';

/** What came of asking who somebody is. The refused are all told one text; `reason` is for the log and holds nothing of what was sent. */
export type Identified =
  | { readonly kind: 'person'; readonly caller: PersonCaller }
  | { readonly kind: 'unknown'; readonly reason: string }
  /** Nobody is looked at for so long. */
  | { readonly kind: 'throttled'; readonly retryAfterSeconds: number }
  /** Who vouches for people does not answer. */
  | { readonly kind: 'away'; readonly reason: string };

/** Tells people by what they send with one scheme of Authorization. A compromise of it allows acts in the name of anybody it vouches for. */
export interface People {
  /** In lower case. */
  readonly scheme: 'bearer' | 'basic';
  /** @param credentials as they came: hostile. Rejects only for a defect. */
  identify(credentials: string): Promise<Identified>;
}
