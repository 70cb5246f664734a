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
