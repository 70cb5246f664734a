import { expect, test } from 'vitest';
import { createStage, undoOne } from './stage.ts';

const ITEMS = `CREATE TABLE items (id int PRIMARY KEY, secret text); INSERT INTO items VALUES (1, 'a'), (2, 'b')`;
const CONTEXT = { sourcePrefix: 'recant://recant', recorded: async () => 0 };

test('captured changes expire by the setting, once they are in the ledger; an attempt from before says so, a later one is undone', async () => {
  await using stage = await createStage(ITEMS, { prepare: false });
  await expect(stage.prepare({ imagesDays: -1 })).rejects.toMatchObject({ code: 'options_invalid' });
  await stage.prepare({ imagesDays: 30 });
  const old = await stage.play(0, (tx) => tx.query(`UPDATE items SET secret = 'alice@example.org' WHERE id = 1`));
  await stage.owner.query(`UPDATE items SET secret = 'bob' WHERE id = 2; SELECT recant.absorb()`);
  await stage.owner.query(`UPDATE recant.change SET recorded_at = recorded_at - interval '31 days'`);
  const images = async () => (await stage.owner.query('SELECT count(*)::int AS n FROM recant.change')).rows[0]?.n;
  await stage.owner.query('SELECT recant.expire()');
  expect(await images(), 'not in the ledger yet').toBe(2);

  const target = await stage.open();
  const drain = async () => {
    const state = await target.drain?.next({ ...CONTEXT, nowMs: Date.now() });
    if (state?.batch) await target.drain?.confirm(state.batch);
  };
  await drain();
  expect(await target.drain?.isIdle(Date.now()), 'due').toBe(false);
  await drain();
  expect(await images()).toBe(0);
  expect(await target.drain?.isIdle(Date.now())).toBe(true);
  const [rehearsed] = await target.rehearse([{ step: 1, undoes: old.ref, effects: old.effects, knownOrdinals: {} }]);
  expect(rehearsed).toMatchObject({
    outcome: 'expired',
    findings: [{ code: 'image_missing', detail: expect.stringContaining('expired') }],
  });
  expect((await undoOne(target, old)).outcome).toBe('expired');

  const later = await stage.play(0, (tx) => tx.query(`UPDATE items SET secret = 'x' WHERE id = 1`));
  await drain();
  expect((await undoOne(target, later)).outcome).toBe('restored');
  await stage.prepare({ imagesDays: 0 });
  expect((await stage.owner.query('SELECT images_days FROM recant.system')).rows).toEqual([{ images_days: null }]);
});
