import type { TargetSystem } from '@recant/connector';
import { expect, test } from 'vitest';
import { codes, createStage, type Stage, undoOne } from './stage.ts';

const SCHEMA = `
CREATE TABLE customers (id int PRIMARY KEY, email text, tier text); INSERT INTO customers SELECT n, 'c' || n || '@example.org', 'free' FROM generate_series(1, 9) n;
CREATE TABLE mails (address text PRIMARY KEY, customer int, body text); INSERT INTO mails VALUES ('a@example.org', 1, 'x'), ('b@example.org', 2, 'x');
CREATE TABLE notes (id int PRIMARY KEY, customer int, body text) PARTITION BY RANGE (id); CREATE TABLE notes_1 PARTITION OF notes FOR VALUES FROM (0) TO (100);
INSERT INTO notes SELECT n, n % 3, 'secret ' || n FROM generate_series(1, 9) n`;
const SUBJECTS = [
  { table: 'public.customers', pattern: 'customer/{id}' },
  { table: 'public.mails', pattern: 'customer/{customer}' },
  { table: 'public.notes', pattern: 'customer/{customer}' },
];
const CONTEXT = { sourcePrefix: 'recant://recant', recorded: async () => 0 };

async function drain(target: TargetSystem): Promise<void> {
  for (let state = await target.drain?.next({ ...CONTEXT, nowMs: Date.now() }); state?.batch; ) {
    await target.drain?.confirm(state.batch);
    state = await target.drain?.next({ ...CONTEXT, nowMs: Date.now() });
  }
}

/** Everything that the capture keeps of rows, as text. */
const kept = async (stage: Stage): Promise<string> =>
  (
    await stage.owner.query(
      `SELECT concat(c.old::text, c.new::text, c.key::text) AS text FROM recant.change c UNION ALL SELECT concat(old, new) FROM recant.capture`,
    )
  ).rows
    .map(({ text }) => text)
    .join('\n');

test('I9: erasing a subject blanks its images and textual keys in every table that names it, and nobody else’s; its attempts are irreversible, with the reason', async () => {
  await using stage = await createStage(SCHEMA, { prepare: false });
  expect((await stage.prepare({ subjects: SUBJECTS })).subjects).toEqual(SUBJECTS);
  const target = await stage.open();
  const mine = await stage.play(0, (tx) => tx.query(`UPDATE customers SET tier = 'gold', email = 'ada@example.org' WHERE id = 1`));
  const both = await stage.play(0, (tx) => tx.query(`UPDATE notes SET body = 'seen' WHERE customer IN (1, 2)`));
  const other = await stage.play(0, (tx) => tx.query(`UPDATE customers SET tier = 'gold' WHERE id = 2`));
  const gone = await stage.play(1, (tx) =>
    tx.query(`DELETE FROM mails WHERE customer = 1; UPDATE mails SET body = 'y' WHERE customer = 2`),
  );
  expect(await target.erase?.('customer/1')).toMatchObject({
    changes: 0,
    remains: [expect.stringContaining('not recorded in the ledger yet')],
  });
  await drain(target);
  expect(await target.erase?.('customer/1')).toMatchObject({ changes: 5, remains: [], waiting: [] });
  const texts = await kept(stage);
  expect(texts).not.toMatch(/ada@|c1@|a@example|secret [147]/);
  expect(texts).toMatch(/b@example/);
  expect(texts).toMatch(/secret [258]/);
  for (const attempt of [mine, both, gone]) {
    const [rehearsed] = await target.rehearse([{ step: 1, undoes: attempt.ref, effects: attempt.effects, knownOrdinals: {} }]);
    expect(rehearsed).toMatchObject({
      outcome: 'irreversible',
      findings: [{ code: 'erased', detail: expect.stringContaining('erased with subject customer/1') }],
    });
    expect((await undoOne(target, attempt)).outcome).toBe('irreversible');
  }
  expect((await undoOne(target, other)).outcome).toBe('restored');
  expect(await target.erase?.('customer/1'), 'again').toMatchObject({ changes: 0, remains: [] });
});

test('I5: an erased change guards as before, also where its key was text: somebody’s later write of the row stays in the way', async () => {
  await using stage = await createStage(SCHEMA, { prepare: false });
  await stage.prepare({ subjects: [{ table: 'public.mails', pattern: 'customer/{customer}' }] });
  const target = await stage.open();
  const bad = await stage.play(0, (tx) => tx.query(`UPDATE mails SET body = 'bad' WHERE address = 'b@example.org'`));
  await stage.play(1, (tx) => tx.query(`UPDATE mails SET body = 'good', customer = 7 WHERE address = 'b@example.org'`));
  await stage.owner.query(`UPDATE mails SET body = 'good' WHERE address = 'b@example.org'`);
  await drain(target);
  // As an erasure of a later owner's images leaves them.
  await stage.owner.query(`UPDATE recant.change SET old = NULL, new = NULL, key = NULL WHERE login <> '${stage.agents[0]}'`);
  await stage.owner.query(`UPDATE mails SET body = 'bad' WHERE address = 'b@example.org'`);
  expect(codes(await undoOne(target, bad))).toEqual(['later_write']);
});

test('rows that nobody can assign are counted, an open transaction is waited for, and a missing assignment is said', async () => {
  await using stage = await createStage(SCHEMA, { prepare: false });
  await stage.prepare();
  const target = await stage.open();
  await stage.play(0, (tx) => tx.query(`UPDATE notes SET body = 'partly' WHERE id IN (1, 4)`));
  await drain(target);
  expect((await target.erase?.('customer/1'))?.remains).toEqual([expect.stringContaining('--subject')]);
  await stage.prepare({ subjects: SUBJECTS });
  await stage.owner.query('DELETE FROM notes WHERE id = 1');
  const holder = await stage.pools[1]?.connect();
  await holder?.query(`BEGIN; UPDATE customers SET email = 'late@example.org' WHERE id = 1`);
  const first = await target.erase?.('customer/1');
  expect(first).toMatchObject({ changes: 1, waiting: [expect.any(String)] });
  expect(first?.remains).toEqual([
    expect.stringContaining('1 transactions'),
    expect.stringMatching(/public\.notes: images of 1 rows .* rows are gone/),
  ]);
  await holder?.query('COMMIT');
  holder?.release();
  await drain(target);
  // A transaction that began later is not waited for.
  const later = await stage.pools[0]?.connect();
  await later?.query(`BEGIN; UPDATE customers SET email = 'x' WHERE id = 2`);
  expect(await target.erase?.('customer/1', first?.waiting)).toMatchObject({ changes: 1, waiting: [] });
  expect(await kept(stage)).not.toMatch(/late@/);
  await later?.query('ROLLBACK');
  later?.release();
  expect((await target.erase?.('customer/no number'))?.remains.filter((text) => !text.includes('public.notes'))).toEqual([]);
});

test('wrong subjects are refused before anything is installed; what is not named stays as it was', async () => {
  await using stage = await createStage(`${SCHEMA}; CREATE TABLE log (customer int)`, { prepare: false });
  const wrong = [
    { table: 'public.nothing', pattern: 'customer/{id}' },
    { table: 'public.customers', pattern: 'customer/{nothing}' },
    { table: 'public.customers', pattern: 'customer/id' },
    { table: 'public.log', pattern: 'customer/{customer}' },
  ];
  await expect(stage.prepare({ subjects: wrong })).rejects.toMatchObject({
    code: 'options_invalid',
    message: expect.stringMatching(/no such captured table.*no column nothing.*one column in braces.*no key/),
  });
  expect((await stage.owner.query(`SELECT FROM pg_namespace WHERE nspname = 'recant'`)).rowCount).toBe(0);
  await stage.prepare({ subjects: SUBJECTS });
  expect((await stage.prepare()).subjects).toEqual(SUBJECTS);
  expect((await stage.prepare({ subjects: [] })).subjects).toEqual([]);
});
