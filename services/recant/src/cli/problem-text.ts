import type { Problem } from '@recant/api';
import type { Credential } from '../terminal/connection.ts';

/** The problem of a refused credential names where the credential came from. */
export function problemText({ status, detail, action }: Problem, credential: Credential | undefined): Pick<Problem, 'detail' | 'action'> {
  if (credential === undefined || (status !== 401 && status !== 403)) return { detail, action };
  const { source, overrides } = credential;
  const unset = overrides === undefined ? '' : ` Without ${source}, the key in ${overrides} is used.`;
  return { detail: `${detail.replace(/\.$/, '')} (credential from ${source}).`, action: `${action}${unset}` };
}
