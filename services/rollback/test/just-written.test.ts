import pg from 'pg';
import { expect, test } from 'vitest';
import { createStage } from './harness.ts';

test('a login whose first transaction has just been committed is known to the plan that selects it', { timeout: 120_000 }, async () => {
  // Between registration and plan nothing else drains.
  await using stage = await createStage({ drains: false });
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
  const login = new URL(stage.shop.agentUrl).username;
  const client = new pg.Client({ connectionString: stage.shop.agentUrl });
  await client.connect();
  await client.query('UPDATE orders SET price = 3 WHERE id = 50');
  await client.end();
  const plan = await stage.operator.createPlan({ selection: { agents: [login] } });
  expect(plan.body.steps).toMatchObject([{ agent: login, tool: 'transaction' }]);
});
