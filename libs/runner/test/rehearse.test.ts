import { ConnectorError } from '@recant/connector';
import type { PlanStep } from '@recant/planner';
import { expect, test } from 'vitest';
import { rehearseSteps } from '../src/index.ts';

const STEP = {
  step: 1,
  after: [],
  systems: [{ system: 'shop', connector: 'postgres', knownOrdinals: {} }],
} as unknown as PlanStep;
const rehearse = (error: Error) => rehearseSteps({ open: () => Promise.reject(error) }, 'acme', [STEP], () => []);

test('a system that cannot be opened refuses its steps; a failure of the service is no word about the system', async () => {
  expect(await rehearse(new ConnectorError('unreachable', 'No connection.'))).toMatchObject([
    { isAway: true, findings: [{ code: 'unreachable', system: 'shop', detail: 'System shop does not answer: No connection.' }] },
  ]);
  expect(await rehearse(new ConnectorError('not_prepared', 'Not connected.'))).toMatchObject([{ isAway: false }]);
  await expect(rehearse(new Error('No connection to the ledger’s store'))).rejects.toThrow('store');
});
