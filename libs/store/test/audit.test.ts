import { disarm } from '@recant/test-support';
import { auditTenant, type Rule } from '@recant/verifier';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withSnapshot } from '../src/index.ts';
import { type Fixture, Lane, openFixture, submit } from './fixture.ts';

/** Changes that a superuser can make, and the rule that the auditor must name. Undone by the reverse statement or a copy. */
const TAMPERINGS: readonly (readonly [string, string, readonly Rule[]])[] = [
  ['a changed byte of a frame', 'UPDATE recant.entry SET frame = set_byte(frame, 40, 33) WHERE idx = 2', ['leaf_mismatch']],
  [
    'a changed frame with a matching leaf',
    "UPDATE recant.entry SET frame = set_byte(frame, 40, 33), leaf = sha256('\\x00' || set_byte(frame, 40, 33)) WHERE idx = 2",
    ['event_invalid'],
  ],
  ['an entry taken out', 'DELETE FROM recant.entry WHERE idx = 2', ['index_gap']],
  ['the last entry cut off', 'DELETE FROM recant.entry WHERE idx = 4', ['size_mismatch']],
  [
    'two entries swapped',
    'UPDATE recant.entry SET idx = CASE idx WHEN 1 THEN 102 ELSE 101 END WHERE idx IN (1, 2); UPDATE recant.entry SET idx = idx - 100 WHERE idx > 100',
    ['root_mismatch'],
  ],
  ['a genesis taken out', 'DELETE FROM recant.entry WHERE idx = 0', ['index_gap']],
  ['a smaller head', 'UPDATE recant.log SET size = size - 1', ['size_mismatch']],
  ['another root', "UPDATE recant.log SET root = sha256('x')", ['root_mismatch']],
  ['a log said to have other shards', 'UPDATE recant.log SET shards = shards * 2', ['genesis_missing']],
  ['another agent in a projection', "UPDATE recant.attempt SET agent = 'somebody'", ['projection_differs']],
  ['an attempt hidden', 'DELETE FROM recant.attempt', ['projection_missing']],
  ['an outcome changed', "UPDATE recant.settlement SET outcome = 'failed'", ['projection_differs']],
  [
    'an effect moved to another resource',
    "UPDATE recant.effect SET resource = 'postgres://shop/x/1' WHERE access = 2",
    ['projection_differs'],
  ],
  [
    'an effect invented',
    "INSERT INTO recant.effect SELECT tenant_id, 'postgres://shop/x/2', shard, idx, source_no, action, attempt, 2 FROM recant.effect LIMIT 1",
    ['projection_unexpected'],
  ],
  [
    'effects that count changed',
    'UPDATE recant.effect_count SET reported = reported + 1, reported_sum = reported_sum + 1',
    ['projection_differs'],
  ],
  ['effects that count hidden', 'DELETE FROM recant.effect_count', ['projection_missing']],
  ['a sum of effects changed', 'UPDATE recant.effect_count SET reported_sum = reported_sum - 1', ['projection_differs']],
  ['read models said to have entries that the log lacks', 'UPDATE recant.projected SET size = size + 3', ['projection_missing']],
  ['read models said to lack entries that they have', 'UPDATE recant.projected SET size = 2', ['projection_unexpected']],
  ['read models said to have nothing', 'DELETE FROM recant.projected', ['projection_unexpected']],
  ['a dedupe key changed', "UPDATE recant.entry SET event_id = 'x' WHERE idx = 1", ['projection_differs']],
  ['a source renamed', "UPDATE recant.source SET source = 'recant://acme/x'", ['projection_differs']],
  ['a dead letter rewritten', "UPDATE recant.dead_letter SET bytes = 'x'", ['dead_letter_mismatch']],
  [
    'a part that holds something else',
    "INSERT INTO recant.part (tenant_id, digest, salt, bytes) VALUES ('acme', sha256('x'), 'y', 'z')",
    ['part_mismatch'],
  ],
  ['a dead letter removed', 'DELETE FROM recant.dead_letter', ['dead_letter_mismatch']],
];

describe('the auditor', () => {
  let fixture: Fixture;
  let owner: pg.Client;
  beforeAll(async () => {
    fixture = await openFixture({ shards: 1 });
    owner = new pg.Client({ connectionString: fixture.ownerUrl });
    await owner.connect();
    await disarm(owner);
    const { events } = new Lane('audit').attempt();
    const garbage = submit(fixture.credential, new TextEncoder().encode('{'), 'kafka:t/0/0');
    await fixture.store.appender.append([...events.map((event) => submit(fixture.credential, event)), garbage]);
    await fixture.store.projection.reach('acme');
  });
  afterAll(async () => {
    await owner.end();
    await fixture[Symbol.asyncDispose]();
  });

  it('finds nothing in an untouched ledger or in one without a log', async () => {
    await fixture.expectSound();
    await fixture.expectSound('nobody');
  });

  it.each(TAMPERINGS)('names %s', async (_, statement, codes) => {
    const tables = [
      'entry',
      'log',
      'source',
      'dead_letter',
      'attempt',
      'settlement',
      'effect',
      'observed',
      'effect_count',
      'projected',
      'part',
    ];
    for (const table of tables) await owner.query(`CREATE TEMP TABLE kept_${table} AS TABLE recant.${table}`);
    try {
      await owner.query(statement);
      const violations = await withSnapshot(fixture.store.pool, 'acme', (snapshot) => auditTenant('acme', snapshot));
      const found = new Set(violations.map(({ code }) => code));
      expect(found.size).toBe(1);
      expect([...found].filter((code) => !codes.includes(code))).toEqual([]);
      expect(found).toContain(codes[0]);
    } finally {
      for (const table of tables) {
        await owner.query(`DELETE FROM recant.${table}; INSERT INTO recant.${table} TABLE kept_${table}; DROP TABLE kept_${table}`);
      }
    }
    await fixture.expectSound();
  });
});
