import { type Connector, ConnectorError, type InverseResult, type TargetSystem } from '@recant/connector';
import { postgresConnector } from '@recant/connector-postgres';
import { waitUntil } from '@recant/test-support';
import pg from 'pg';
import { expect, test } from 'vitest';
import { maskConnectors } from '../src/masked-connectors.ts';
import { createStage, type Stage } from './harness.ts';

/** A made-up credential, built from pieces, and a made-up address. */
const SECRET = `${'gh'}p_${'a1'.repeat(18)}`;
const MAIL = 'ada@example.com';
const SAID = `customer ${MAIL} at 203.0.113.77 has ${SECRET}`;
const MASKED = 'customer \\[email#[0-9a-f]{8}\\] at \\[ip-address#[0-9a-f]{8}\\] has \\[github-token#[0-9a-f]{8}\\]';
const VALUES = [SECRET, MAIL];

/** A trigger of the target that quotes customer data when a price is restored. */
const SCHEMA = `CREATE TABLE orders (id int PRIMARY KEY, price int NOT NULL);
  INSERT INTO orders SELECT n, 100 FROM generate_series(1, 10) n;
  CREATE FUNCTION gossip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '${SAID}'; END $$;
  CREATE TRIGGER gossip BEFORE UPDATE ON orders FOR EACH ROW WHEN (NEW.price = 100) EXECUTE FUNCTION gossip()`;

/** Recant's tables that contain one of the values, as text or bytes. */
async function tablesThatKnow({ databaseOwnerUrl }: Stage): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseOwnerUrl });
  await client.connect();
  const { rows } = await client.query<{ name: string }>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'`,
  );
  const forms = VALUES.flatMap((value) => [value, Buffer.from(value).toString('hex')]);
  const knowing: string[] = [];
  for (const { name } of rows) {
    const found = await client.query(`SELECT 1 FROM ${name} t WHERE t::text LIKE ANY ($1) LIMIT 1`, [forms.map((form) => `%${form}%`)]);
    if (found.rowCount !== 0) knowing.push(name);
  }
  await client.end();
  return knowing;
}

async function runOf(stage: Stage, plan: { readonly id: string; readonly digest: string }) {
  const { id } = await stage.operator.createRun(plan.id, plan.digest);
  return waitUntil(async () => {
    const view = await stage.operator.run(id);
    return ['finished', 'waiting'].includes(view.state) ? view : undefined;
  });
}

test('personal data and secrets in a trigger’s message are stored nowhere; the rest of the message stays', async () => {
  await using stage = await createStage({ schema: SCHEMA });
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
  const bad = await stage.agent('bad');
  await bad.sql('reprice', 'UPDATE orders SET price = 1 WHERE id = 5');
  const plan = await stage.operator.createPlan({ selection: { agents: ['bad'] } });
  expect(plan.body.conflicts).toMatchObject([
    { kind: 'constraint', resource: 'postgres://shop/public.orders/5', detail: expect.stringMatching(`^SQLSTATE P0001: ${MASKED}$`) },
  ]);
  expect(await tablesThatKnow(stage)).toEqual([]);
  expect(JSON.stringify(stage.log)).not.toMatch(VALUES.join('|'));
  expect(await stage.audit()).toEqual([]);
});

/** A third-party connector over the real one that quotes the values in every text. */
const gossiping = (refuses: () => boolean): Connector => ({
  kind: 'postgres',
  async open(registration) {
    const target = await postgresConnector.open(registration);
    const ended = (step: number): InverseResult => ({
      step,
      outcome: 'failed',
      findings: [{ resource: `postgres://shop/public.orders/${step}`, part: 'price', code: 'constraint', detail: SAID }],
      effects: [],
      residue: [SAID],
    });
    return {
      name: target.name,
      connector: target.connector,
      identity: target.identity,
      ...(target.drain && { drain: target.drain }),
      rehearse: async (steps) => steps.map(({ step }) => (refuses() ? ended(step) : { ...ended(step), outcome: 'restored' })),
      probe: async (parts) => parts.map((part) => ({ ...part, kind: 'unreadable', reason: SAID })),
      invert: async ({ steps }) => steps.map(({ step }) => ended(step)),
      applied: async (_run, steps) => steps.map(ended),
      close: target.close,
    };
  },
});

test('texts of any connector are masked in plan and run', async () => {
  let refuses = true;
  await using stage = await createStage({ connectors: [gossiping(() => refuses)] });
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
  const bad = await stage.agent('bad');
  await bad.sql('reprice', 'UPDATE orders SET price = 1 WHERE id = 5');
  const refused = await stage.operator.createPlan({ selection: { agents: ['bad'] } });
  expect(refused.body.conflicts).toMatchObject([{ kind: 'constraint', detail: expect.stringMatching(`^${MASKED}$`) }]);
  refuses = false;
  const plan = await stage.operator.createPlan({ selection: { agents: ['bad'] } });
  const run = await runOf(stage, plan);
  expect(JSON.stringify((await stage.operator.runSteps(run.id)).items)).toMatch(new RegExp(MASKED));
  expect(await tablesThatKnow(stage)).toEqual([]);
  expect(JSON.stringify(stage.log)).not.toMatch(VALUES.join('|'));
});

const KEY = new Uint8Array(32).fill(7);
const failing = (error: unknown): TargetSystem => {
  const fail = () => Promise.reject(error);
  return { name: 's', connector: 'k', identity: fail, rehearse: fail, probe: fail, invert: fail, applied: fail, close: fail };
};
const thrown = async (error: unknown): Promise<unknown> => {
  const [connector] = maskConnectors([{ kind: 'k', open: async () => failing(error) }], () => KEY);
  const target = await (connector as Connector).open({ name: 's', connector: 'k', options: {} });
  return target.probe([]).catch((caught: unknown) => caught);
};

test('an unreachable address stays readable; secrets and personal data next to it are masked', async () => {
  const why = `connect ECONNREFUSED 203.0.113.77:6432 and 2001:db8::7 for ${MAIL}, password=hunter2`;
  const error = await thrown(new ConnectorError('unreachable', why, { cause: new Error(why) }));
  expect(error).toMatchObject({
    code: 'unreachable',
    retry: true,
    message: expect.stringMatching(
      /^connect ECONNREFUSED 203\.0\.113\.77:6432 and 2001:db8::7 for \[email#.{8}\], password=\[password#.{8}\]$/,
    ),
    cause: { message: expect.stringMatching(/^connect ECONNREFUSED 203\.0\.113\.77:6432/) },
  });
  expect(error).toBeInstanceOf(ConnectorError);
  expect(await thrown(new ConnectorError('unreachable', 'no answer from postgres://ada:hunter2@db.example.com:6432/shop'))).toMatchObject({
    message: 'no answer from postgres://***@db.example.com:6432/shop',
  });
});

test('an error keeps class, code and stack frames, without the driver’s fields', async () => {
  const sql = Object.assign(new Error(`invalid input syntax for type integer: "${MAIL}"`), {
    code: '22P02',
    detail: `Failing row contains (${MAIL}).`,
  });
  const error = (await thrown(sql)) as Error & { code: string };
  expect(error).toMatchObject({
    code: '22P02',
    message: expect.stringMatching(/^invalid input syntax for type integer: "\[email#.{8}\]"$/),
  });
  expect(error.stack).toMatch(/\n {4}at /);
  expect(`${error.stack} ${JSON.stringify(error)}`).not.toContain(MAIL);
  expect(await thrown(`no ${MAIL}`)).toMatchObject({ message: expect.stringMatching(/^no \[email#/) });
});

test('an error without such values is passed on unchanged', async () => {
  const error = new ConnectorError('unreachable', 'the target database does not answer: connect ECONNREFUSED 127.0.0.1:5999');
  expect(await thrown(error)).toBe(error);
  const constraint = new Error('duplicate key value violates unique constraint "orders_2024_email_key"');
  expect(await thrown(constraint)).toBe(constraint);
});
