import type { AttemptStatus } from '@recant/events';
import { expect, test } from 'vitest';
import { ruledStatus } from '../src/ruling.ts';

test.each<[AttemptStatus, 'succeeded' | 'failed' | undefined, AttemptStatus, AttemptStatus | undefined]>([
  ['unknown', undefined, 'unknown', undefined],
  ['unknown', 'failed', 'failed', undefined],
  ['open', 'failed', 'failed', undefined],
  ['unknown', 'succeeded', 'succeeded', undefined],
  ['succeeded', 'succeeded', 'succeeded', undefined],
  ['succeeded', 'failed', 'unknown', 'succeeded'],
  ['failed', 'succeeded', 'unknown', 'failed'],
  ['denied', 'succeeded', 'unknown', 'denied'],
])('reported %s, settled by a person as %s: the status is %s', (reported, outcome, status, contradicted) => {
  const ruled = ruledStatus(reported, outcome && { outcome });
  expect(ruled).toEqual({ status, ...(contradicted && { contradicted }) });
});
