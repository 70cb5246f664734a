import { ROLES } from '@recant/events';
import { withSnapshot } from '@recant/store';
import { type TestProvider, testOpenIdProvider } from '@recant/test-support/openid';
import { auditTenant } from '@recant/verifier';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allCallers, type Caller, expectedOf, OTHER, OWN } from './callers.ts';
import { type Asked, FIXTURES, type Fixture } from './fixtures.ts';
import { type Operation, operationsOf } from './operations.ts';
import { createWorld, type World } from './world.ts';

let provider: TestProvider;
let world: World;
let operations: readonly Operation[];
let callers: readonly Caller[];
beforeAll(async () => {
  provider = await testOpenIdProvider();
  world = await createWorld(provider);
  callers = await allCallers(world.store, provider, world.password);
  const authorization = `Bearer ${(await world.makeKey({ roles: ['view'] })).apiKey}`;
  operations = operationsOf(await (await fetch(`${world.url}/v1/openapi.json`, { headers: { authorization } })).json());
}, 240_000);
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
});

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function send({ method, path }: Operation, asked: Asked, { authorization }: Caller): Promise<Answer> {
  const { params = {}, query = {}, headers = {}, body } = asked;
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(params[name]));
  const response = await fetch(`${world.url}${filled}?${new URLSearchParams(query)}`, {
    method,
    headers: { ...headers, ...(authorization === undefined ? {} : { authorization }), ...(body && { 'content-type': body.type }) },
    ...(body && { body: body.bytes as string }),
  });
  return { status: response.status, text: await response.text() };
}

const isGood = ({ status }: Answer): boolean => status >= 200 && status < 300;

/** Violations in an answer to an allowed caller. */
function complaintsOf(operation: Operation, fixture: Fixture, caller: Caller, answer: Answer): string[] {
  const { status, text } = answer;
  const what = `${operation.operationId} by ${caller.name}: ${status}`;
  if (status === 401 || status === 403) return [`${what}, expected success`];
  if (caller.tenant === OWN)
    return isGood(answer) && text.includes(fixture.shows(world)) ? [] : [`${what} without a row: ${text.slice(0, 300)}`];
  if (operation.isAddressed && isGood(answer)) return [`${what} for a resource of another tenant`];
  return !fixture.shared && isGood(answer) && text.includes(fixture.shows(world)) ? [`${what} shows data of another tenant`] : [];
}

async function ask(operation: Operation): Promise<string[]> {
  const fixture = FIXTURES[operation.operationId];
  if (!fixture) return [`${operation.operationId} has no fixture in test/authority/fixtures.ts`];
  const may = callers.filter((caller) => expectedOf(operation, caller) === 'allowed');
  const asked = await fixture.ask(world);
  const refused = callers
    .filter((caller) => !may.includes(caller))
    .map(async (caller) => {
      const { status } = await send(operation, asked, caller);
      const expected = expectedOf(operation, caller);
      return status === expected ? [] : [`${operation.operationId} by ${caller.name}: expected ${expected}, got ${status}`];
    });
  const complaints = (await Promise.all(refused)).flat();
  for (const caller of may) {
    // A request that changes something is created anew for each allowed caller.
    const request = operation.method !== 'GET' && caller.tenant === OWN ? await fixture.ask(world) : asked;
    complaints.push(...complaintsOf(operation, fixture, caller, await send(operation, request, caller)));
  }
  if (!operation.isOperators && !may.some(({ tenant }) => tenant === OWN))
    complaints.push(`${operation.operationId} has no allowed caller`);
  return complaints;
}

test('every operation has a fixture, and every fixture an operation', () => {
  expect(operations.length).toBeGreaterThan(30);
  expect(callers).toHaveLength(2 + 8 * ROLES.length);
  expect(Object.keys(FIXTURES).sort()).toEqual(operations.map(({ operationId }) => operationId).sort());
});

test('access follows from the description alone: every role, as key and as person, of this tenant and another, valid, ended, for another audience, forged', async () => {
  const complaints: string[] = [];
  // Setting a log back comes last, because it affects later requests.
  for (const operation of operations.toSorted((a, b) => Number(a.operationId === 'openEpoch') - Number(b.operationId === 'openEpoch')))
    complaints.push(...(await ask(operation)));
  expect(complaints).toEqual([]);
  for (const tenant of [OWN, OTHER]) {
    await world.store.projection.reach(tenant);
    expect(await withSnapshot(world.store.pool, tenant, (snapshot) => auditTenant(tenant, snapshot))).toEqual([]);
  }
}, 240_000);
