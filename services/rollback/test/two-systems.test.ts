import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { filesystemSystem } from '@recant/connector-filesystem';
import { postgresSystem } from '@recant/connector-postgres';
import { createRecant } from '@recant/sdk';
import { waitUntil } from '@recant/test-support';
import { expect, test } from 'vitest';
import { createStage } from './harness.ts';

const SCHEMA = `CREATE TABLE orders (id int PRIMARY KEY, state text NOT NULL);
  CREATE TABLE items (id int PRIMARY KEY, order_id int NOT NULL REFERENCES orders);
  INSERT INTO orders VALUES (1, 'open')`;

test('an attempt on a folder and a database is undone on both; if the database would refuse, the folder is not touched', async () => {
  await using stage = await createStage({ schema: SCHEMA });
  const folder = await mkdtemp(join(tmpdir(), 'recant-two-'));
  const root = join(folder, 'notes');
  await mkdir(root);
  const files = filesystemSystem({ name: 'files', root });
  const shop = postgresSystem({ name: 'shop', pool: stage.shop.pool });
  const bad = createRecant({
    url: stage.url,
    apiKey: await stage.makeKey({ sourcePrefix: 'recant://bad', agents: ['bad'] }),
    agent: 'bad',
    systems: [files, shop],
  });
  try {
    await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
    await stage.operator.registerSystem({ name: 'files', connector: 'filesystem', options: { root } });
    await bad.open();
    for (const id of [2, 3]) {
      await bad.action('order', { id }, async (context) => {
        await context.on(files).writeFile(`order-${id}.txt`, `order ${id}`);
        await context.on(shop).transaction((tx) => tx.query(`INSERT INTO orders VALUES (${id}, 'new')`));
      });
    }
    await bad.close();
    // No recorded attempt touches the agent's rows; the foreign key still blocks the inverse.
    await stage.shop.owner.query('INSERT INTO items VALUES (1, 3)');

    const plan = await stage.operator.createPlan({ selection: { agents: ['bad'] }, mode: 'skip' });
    expect(plan.body.steps.map(({ systems }) => systems.map(({ system }) => system))).toEqual([['files', 'shop']]);
    expect(plan.body.conflicts).toMatchObject([{ kind: 'constraint', resource: 'postgres://shop/public.orders/3' }]);
    const { id } = await stage.operator.createRun(plan.id, plan.digest);
    const run = await waitUntil(async () => {
      const view = await stage.operator.run(id);
      return ['finished', 'waiting'].includes(view.state) ? view : undefined;
    });
    expect(run.account).toMatchObject({ outcomes: { restored: 1 }, left: { skipped: 1 }, verdict: 'partly_restored' });
    expect((await stage.shop.owner.query('SELECT id FROM orders ORDER BY id')).rows).toEqual([{ id: 1 }, { id: 3 }]);
    expect(await readFile(join(root, 'order-3.txt'), 'utf8')).toBe('order 3');
    await expect(readFile(join(root, 'order-2.txt'))).rejects.toMatchObject({ code: 'ENOENT' });

    await stage.shop.owner.query('DELETE FROM items');
    const again = await stage.operator.createPlan({ selection: { agents: ['bad'] } });
    expect(again.body).toMatchObject({ conflicts: [], left: [{ reason: 'already_undone' }], steps: [{ tool: 'order' }] });
    const second = await stage.operator.createRun(again.id, again.digest);
    await waitUntil(async () => (await stage.operator.run(second.id)).state === 'finished');
    expect((await stage.operator.run(second.id)).account).toMatchObject({ outcomes: { restored: 1 }, verdict: 'restored_unverified' });
    await expect(readFile(join(root, 'order-3.txt'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await stage.audit()).toEqual([]);
  } finally {
    await files.close();
    await rm(folder, { recursive: true, force: true });
  }
});
