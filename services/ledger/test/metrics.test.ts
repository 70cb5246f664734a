import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OPERATOR_TENANT } from '@recant/events';
import { startPostgres } from '@recant/local-postgres';
import { grantServiceRole, migrate } from '@recant/store';
import { waitUntil } from '@recant/test-support';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { METRICS } from '../../../libs/metrics/src/definitions.ts';
import { type RunningLedger, startLedger, TENANT } from './harness.ts';
import { changed, TestSource } from './producer.ts';

let ledger: RunningLedger;
let monitor: string;
beforeAll(async () => {
  ledger = await startLedger();
  monitor = (await ledger.makeKey({ tenant: OPERATOR_TENANT, roles: ['monitor'], agents: [], resources: [] })).apiKey;
}, 60_000);
afterAll(() => ledger?.stop());

const scrape = (key: string, { url } = ledger) => fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${key}` } });
/** A scrape is cached for a second: waits for one with the value. */
const shows = (line: string) => waitUntil(async () => (await (await scrape(monitor)).text()).split('\n').includes(line));

test('metrics need a key of the operator’s tenant with the role monitor, which reads nothing else but health', async () => {
  const other = (await ledger.makeKey({ roles: ['monitor'], agents: [] })).apiKey;
  const viewer = (await ledger.makeKey({ tenant: OPERATOR_TENANT, roles: ['view'], agents: [] })).apiKey;
  expect((await fetch(`${ledger.url}/metrics`)).status).toBe(401);
  expect([(await scrape(other)).status, (await scrape(viewer)).status, (await scrape(ledger.agentKey)).status]).toEqual([403, 403, 403]);
  const allowed = await scrape(monitor);
  expect([allowed.status, allowed.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
  const client = ledger.client(monitor);
  await client.healthDetails();
  for (const refused of [client.keys(), client.attempts({}), client.acts()])
    await expect(refused).rejects.toMatchObject({ problem: { code: 'role_missing' } });
});

test('the series of load and of server errors begin at 0, so that a first burst is an increase', async () => {
  const text = await (await scrape(monitor)).text();
  for (const series of ['recant_http_problems_total{code="rate_limited"}', 'recant_http_problems_total{code="overloaded"}'])
    expect(text).toContain(`${series} 0`);
  expect(text).toMatch(/^recant_http_requests_total\{operation="submitEvents",status="5xx"\} 0$/m);
});

test('events are counted by path and receipt, refusals and dead letters by code; no tenant, agent or source is named', async () => {
  const source = new TestSource('counted-bot');
  const event = source.opened();
  await ledger.agents.submitEvent(event);
  await ledger.agents.submitEvent(event);
  await ledger.agents.submitBatch([changed(event, { time: '2029-01-01T00:00:00.000Z' })]);
  await ledger.post('{', { type: 'application/json' });
  await shows('recant_ingest_events_total{path="http",outcome="duplicate"} 1');
  await shows('recant_dead_letters_total{path="http",code="equivocation"} 1');
  const text = await (await scrape(monitor)).text();
  expect(text).toMatch(/^recant_ingest_events_total\{path="http",outcome="appended"\} [1-9]/m);
  expect(text).toMatch(/^recant_http_problems_total\{code="[a-z_]+"\} [1-9]/m);
  for (const name of [TENANT, 'counted-bot', source.source, monitor.split('_')[1] as string]) expect(text).not.toContain(name);
});

test('every series has a name and labels of the definitions', async () => {
  const text = await (await scrape(monitor)).text();
  for (const line of text.split('\n').filter((each) => each !== '' && !each.startsWith('#'))) {
    const [, name = '', labels = ''] = /^([a-z_]+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    const metric = METRICS[name as keyof typeof METRICS];
    expect(metric, line).toBeDefined();
    const used = [...labels.matchAll(/([a-z]+)="/g)].map(([, label]) => label).filter((label) => label !== 'le');
    expect(used, line).toEqual([...metric.labels]);
  }
});

test('while PostgreSQL is down, a monitor that scraped before still sees it; nobody else gets in, and an ended key does not', async () => {
  const dataDir = join(await mkdtemp(join(tmpdir(), 'recant-metrics-')), 'pg');
  const server = await startPostgres({ dataDir, temporary: true });
  await migrate(server.ownerUrl);
  await grantServiceRole(server.ownerUrl, new URL(server.url).username);
  const away = await startLedger({ databaseUrl: server.url, masterKey: randomBytes(32) });
  const make = async () => (await away.makeKey({ tenant: OPERATOR_TENANT, roles: ['monitor'], agents: [] })).apiKey;
  const [known, unknown, ended] = [await make(), await make(), await make()];
  expect([(await scrape(known, away)).status, (await scrape(ended, away)).status]).toEqual([200, 200]);
  await away.store.credentials.revoke(OPERATOR_TENANT, ended.split('_')[1] as string);
  expect((await scrape(ended, away)).status).toBe(401);
  await server.stop();
  const text = await waitUntil(async () => {
    const answer = await scrape(known, away);
    const body = await answer.text();
    return answer.status === 200 && body.includes('recant_health{check="store"} 0') ? body : undefined;
  });
  expect(text).toMatch(/^recant_pool_limit\{pool="append"\} 8$/m);
  expect(text).toMatch(/^recant_scrape_errors [1-9]/m);
  expect(text).not.toMatch(/^recant_alarms_open/m);
  expect([(await scrape(unknown, away)).status, (await scrape(ended, away)).status]).toEqual([503, 503]);
  await away.stop();
}, 120_000);
