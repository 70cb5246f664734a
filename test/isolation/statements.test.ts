import { LEDGER_ROUTES, ROLLBACK_ROUTES, type RouteDescriptor, SERVICE_ROUTES } from '@recant/api';
import { createClient } from '@recant/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestSource } from '../../services/ledger/test/producer.ts';
import { createStage, type Stage } from '../../services/rollback/test/harness.ts';
import { type Statement, shapeOf, statementsOf, untilQuiet } from './statements.ts';

const TENANT = 'globex';
const VALUES: Readonly<Record<string, string>> = {
  ...{
    digest: 'f'.repeat(64),
    subject: 's',
    shard: '0',
    path: '0/000',
    step: '1',
    action: '018f0000-0000-7000-8000-000000000001',
    plan: 'p',
    run: 'r',
    keyId: 'abcd',
    freeze: '018f0000-0000-4000-8000-000000000001',
    fence: '018f0000-0000-4000-8000-000000000001',
  },
};
const QUERIES: Readonly<Record<string, string>> = { getDurability: '?source=recant://bot/one&id=opened' };
let stage: Stage;
let bearer: string;
beforeAll(async () => {
  stage = await createStage({ worker: false, projects: false });
  const bot = await stage.agent('pricer');
  await bot.sql('reprice', 'UPDATE orders SET price = 3 WHERE id = 50');
  await bot.close();
  bearer = await stage.makeKey({ tenant: TENANT, roles: ['emit', 'view', 'plan', 'execute', 'export', 'administer', 'rollback'] });
  await untilQuiet();
}, 120_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

/**
 * Statements allowed without a tenant: key look-up, health, transaction control. COPY sends rows apart from its text; advisory
 * locks are named by hashes.
 */
const WITHOUT_TENANT = [
  /^(BEGIN|COMMIT|ROLLBACK)\b/,
  /^SET ROLE recant_writer/,
  /^SELECT \? AS \w+ |^SELECT \? \[/,
  /FROM recant\.credential WHERE key_id = ANY/,
  /^SELECT pg_advisory_xact_lock/,
  /^ \[0\]$/,
];

function mentions({ text, values }: Statement, tenant: string): boolean {
  return text.includes(`'${tenant}'`) || values.some((value) => value === tenant || (Array.isArray(value) && value.includes(tenant)));
}

/** Statements without a tenant, outside of a transaction that sets one. */
function tenantless(statements: readonly Statement[]): string[] {
  let named = false;
  const found: string[] = [];
  for (const statement of statements) {
    const shape = shapeOf(statement);
    if (/^(BEGIN|COMMIT|ROLLBACK)/.test(shape)) named = false;
    named ||= mentions(statement, TENANT) && /^BEGIN READ ONLY|set_config/.test(shape);
    if (!named && !mentions(statement, TENANT) && !WITHOUT_TENANT.some((allowed) => allowed.test(shape))) found.push(shape);
  }
  return found;
}

const reading: readonly RouteDescriptor[] = [...LEDGER_ROUTES, ...ROLLBACK_ROUTES, ...SERVICE_ROUTES].filter(
  ({ method }) => method === 'get',
);

test.each(reading.map((route) => [route.operationId, route.path] as const))(
  'I10: %s queries only the caller’s data',
  async (operation, template) => {
    const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => VALUES[name] ?? `no value for ${name}`);
    const headers = { authorization: `Bearer ${bearer}` };
    const { result, statements } = await statementsOf(() => fetch(`${stage.url}${path}${QUERIES[operation] ?? ''}`, { headers }));
    await result.body?.cancel();
    expect([200, 404, 503]).toContain(result.status);
    expect(statements.filter((statement) => mentions(statement, 'acme'))).toEqual([]);
    expect(tenantless(statements)).toEqual([]);
  },
);

test('I10: requests of a tenant write only under that tenant', async () => {
  const client = createClient({ url: stage.url, apiKey: bearer });
  const source = new TestSource();
  const { statements } = await statementsOf(async () => {
    await client.submitBatch([source.opened(), ...source.attempt(['postgres://shop/public.orders/1']).events]);
    await client.submitEvent(source.intended().bytes);
    const made = await client.createKey({ roles: ['view'], agents: [], resources: [], sourcePrefix: 'recant://' });
    await client.revokeKey(made.keyId);
  });
  expect(statements.length).toBeGreaterThan(10);
  expect(statements.filter((statement) => mentions(statement, 'acme'))).toEqual([]);
  expect(tenantless(statements)).toEqual([]);
});
