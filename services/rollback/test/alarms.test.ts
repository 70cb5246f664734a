import { preparePostgres } from '@recant/connector-postgres';
import { waitUntil } from '@recant/test-support';
import { expect, test } from 'vitest';
import { createStage } from './harness.ts';

test('a capture that is switched off is an alarm with what to do, which ends when the capture is whole again', async () => {
  await using stage = await createStage({ watchMs: 50 });
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
  const open = async () => (await stage.operator.alarms({ open: true })).items.filter(({ code }) => code === 'coverage_lost');
  await stage.shop.owner.query('ALTER TABLE orders DISABLE TRIGGER zz_recant_2_row');
  const [alarm] = await waitUntil(async () => {
    const found = await open();
    return found.length > 0 ? found : undefined;
  });
  expect(alarm).toMatchObject({ subject: 'shop', detail: expect.stringContaining('orders'), action: expect.stringMatching(/\S/) });
  expect(await open()).toHaveLength(1);
  const shows = (line: RegExp) => waitUntil(async () => line.test(await stage.metrics.text()));
  await shows(/^recant_coverage_findings\{system="shop"\} [1-9]/m);
  await shows(/^recant_drain_age_seconds\{system="shop"\} \d/m);
  await stage.shop.owner.query('ALTER TABLE orders ENABLE ALWAYS TRIGGER zz_recant_2_row');
  await waitUntil(async () => (await open()).length === 0);
  await shows(/^recant_coverage_findings\{system="shop"\} 0$/m);
}, 120_000);

test('a new table and a partition that was attached late are named by one alarm at the next check, which connect ends', async () => {
  await using stage = await createStage({
    watchMs: 50,
    schema: `CREATE TABLE orders (id int PRIMARY KEY, n int) PARTITION BY RANGE (id); CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM (0) TO (100)`,
  });
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
  const open = async () => (await stage.operator.alarms({ open: true })).items.filter(({ code }) => code === 'coverage_lost');
  await stage.shop.owner.query(`CREATE TABLE refunds (id int PRIMARY KEY);
    CREATE TABLE late (id int PRIMARY KEY, n int); ALTER TABLE orders ATTACH PARTITION late FOR VALUES FROM (100) TO (200)`);
  const names = ['Table public.refunds is new and not captured.', 'TRUNCATE of public.late is not captured: its trigger is missing.'];
  const [alarm] = await waitUntil(async () => {
    const found = await open();
    return names.every((text) => found[0]?.detail.includes(text)) ? found : undefined;
  });
  expect(alarm).toMatchObject({ subject: 'shop', action: 'Run "recant connect postgres" again.' });
  expect(await open()).toHaveLength(1);
  await preparePostgres({ url: stage.shop.ownerUrl, system: 'shop', agentRoles: [new URL(stage.shop.agentUrl).username] });
  await waitUntil(async () => (await open()).length === 0);
}, 120_000);
