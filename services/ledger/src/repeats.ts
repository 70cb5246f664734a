import type { SameCallBody } from '@recant/api';
import type { AttemptDetail, Queries, RepeatedAttempt } from '@recant/store';

type Numbered = Pick<AttemptDetail, 'source' | 'attempt'>;

/** Other calls that are probably the same as attempts of this action. */
export async function repeatsIn(
  queries: Pick<Queries, 'repeats'>,
  tenant: string,
  action: string,
  attempts: readonly Numbered[],
  options: Parameters<Queries['repeats']>[2],
): Promise<(attempt: Numbered) => { readonly repeats?: readonly SameCallBody[] }> {
  const refs = attempts.map(({ source, attempt }) => ({ source, action, attempt }));
  const found = await queries.repeats(tenant, { refs }, options);
  return ({ source, attempt }) => {
    const repeated = found?.attempts.find(({ ref }) => ref.source === source && ref.attempt === attempt);
    return repeated === undefined ? {} : { repeats: callsOf(repeated) };
  };
}

const callsOf = ({ same, receivedAtMs: ownMs }: RepeatedAttempt): readonly SameCallBody[] =>
  same.map(({ ref, receivedAtMs, ...call }) => ({
    ...ref,
    ...call,
    receivedAt: new Date(receivedAtMs).toISOString(),
    gapMs: receivedAtMs - ownMs,
  }));
