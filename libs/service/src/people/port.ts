import type { PersonCaller } from '../caller.ts';

/** Result of an authentication. Refused callers all get the same text; `reason` is for the log and quotes nothing from the credentials. */
export type Identified =
  | { readonly kind: 'person'; readonly caller: PersonCaller }
  | { readonly kind: 'unknown'; readonly reason: string }
  /** No credentials are checked for this long. */
  | { readonly kind: 'throttled'; readonly retryAfterSeconds: number }
  /** The identity provider is unreachable. */
  | { readonly kind: 'unavailable'; readonly reason: string };

/** Authenticates people under one Authorization scheme. A compromise allows acts in the name of every person it authenticates. */
export interface People {
  /** In lower case. */
  readonly scheme: 'bearer' | 'basic';
  /** @param credentials untrusted, as received. Rejects only for a defect. */
  identify(credentials: string): Promise<Identified>;
}
