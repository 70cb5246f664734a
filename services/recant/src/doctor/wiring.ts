import type { KeyBody } from '@recant/api';
import { ApiError, type Client, ConnectionError } from '@recant/client';
import type { Check, Finding, Outcome } from './report.ts';

/** Newest attempts that are looked at, and those among them whose events are read. */
const ATTEMPTS_MAX = 200;
const DETAILS_MAX = 40;
const READS_AT_ONCE = 8;
const EXPIRING_MS = 7 * 86_400_000;

type Place = { readonly client: Client; readonly nowMs: () => number } | undefined;

const withService =
  (place: Place, check: (place: NonNullable<Place>) => Promise<Outcome>): Check['run'] =>
  async () => {
    if (place === undefined) return { unchecked: 'the service is not known' };
    try {
      return await check(place);
    } catch (error) {
      if (error instanceof ConnectionError) return { unchecked: 'the service does not answer' };
      if (error instanceof ApiError) return { unchecked: `${error.problem.detail} ${error.problem.action}` };
      throw error;
    }
  };

/** Holes in the capture of registered systems. */
export function checkCapture(place: Place): Check {
  return {
    name: 'capture',
    run: withService(place, async ({ client }) => {
      const systems = await client.systems();
      if (systems.length === 0)
        return { findings: [], notes: ['No system is registered: nothing can be undone. Next: recant connect --help'] };
      const findings = systems.flatMap(({ name, coverage = [] }) =>
        coverage.map(({ detail, action }) => ({ subject: `system ${name}`, detail, action })),
      );
      const unseen = systems
        .filter(({ connector, coverage }) => connector === 'postgres' && coverage === undefined)
        .map(({ name }) => name);
      return { findings, notes: unseen.map((name) => `The capture of ${name} has not been checked yet; the service does every 30 s.`) };
    }),
  };
}

/** Systems that agents name and nobody registered: their actions succeed and cannot be undone. */
export function checkSystems(place: Place): Check {
  return {
    name: 'systems',
    run: withService(place, async ({ client }) => {
      const registered = new Set((await client.systems()).map(({ name }) => name));
      const named = await namedSystems(client);
      const unknown = [...named].filter(([name]) => !registered.has(name));
      return { findings: unknown.map(([name, use]) => unregistered(name, use)) };
    }),
  };
}

/** What an action that succeeded and changed something reversible would have had. */
const REVERSIBLE = new Set(['reversible', 'compensable']);
/** Milliseconds after which the drain has recorded what a target captured. */
const DRAINED_MS = 60_000;

/** Tools that declare changes and never record one: their resources are wrong, or they write past the handle. */
export function checkEffects(place: Place): Check {
  return {
    name: 'effects',
    run: withService(place, async ({ client, nowMs }) => {
      const { items } = await client.attempts({ outcome: ['succeeded'] }, { limit: ATTEMPTS_MAX });
      const settled = items.filter((one) => REVERSIBLE.has(one.reversibility) && nowMs() - Date.parse(one.receivedAt) > DRAINED_MS);
      const tools = new Map<string, typeof settled>();
      for (const one of settled) {
        const key = JSON.stringify([one.agent, one.tool]);
        tools.set(key, [...(tools.get(key) ?? []), one]);
      }
      const idle = [...tools.values()].filter((all) => all.every(({ effects }) => effects === 0));
      return { findings: idle.map(withoutEffects) };
    }),
  };
}

function withoutEffects(attempts: readonly { readonly agent: string; readonly tool: string; readonly action: string }[]): Finding {
  const [{ agent, tool, action }] = attempts as [(typeof attempts)[number]];
  return {
    subject: `tool ${tool}`,
    detail: `All ${attempts.length} recent actions of ${agent} with it succeeded without a recorded change, though it declares changes: they cannot be undone.`,
    action: `recant actions show ${action}; then correct the tool's \`resources\` or \`systems\`, or let it write through the handle that \`context.on(system)\` gives.`,
  };
}

interface Use {
  readonly connector: string;
  readonly agents: Set<string>;
}

function unregistered(name: string, { connector, agents }: Use): Finding {
  return {
    subject: `system ${name}`,
    detail: `Not registered, but named by actions of ${[...agents].join(', ')}: they cannot be undone.`,
    action:
      connector === 'filesystem'
        ? `recant connect filesystem ${name} FOLDER`
        : `recant connect ${connector} ${name} --database postgres://OWNER@HOST/NAME`,
  };
}

const RESOURCE = /^(postgres|filesystem):\/\/([^/]+)\//;

/** Systems in the resources of recent attempts: one of each agent, tool and session. */
async function namedSystems(client: Client): Promise<ReadonlyMap<string, Use>> {
  const { items } = await client.attempts({}, { limit: ATTEMPTS_MAX });
  const distinct = [...new Map(items.map((one) => [JSON.stringify([one.agent, one.tool, one.session]), one])).values()].slice(
    0,
    DETAILS_MAX,
  );
  const used = new Map<string, Use>();
  const queue = [...distinct];
  const reader = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      for (const [, connector = '', name = ''] of (await resourcesOf(client, next.action)).flatMap((uri) => [RESOURCE.exec(uri) ?? []])) {
        if (name === '') continue;
        const use = used.get(name) ?? { connector, agents: new Set() };
        use.agents.add(next.agent);
        used.set(name, use);
      }
    }
  };
  await Promise.all(Array.from({ length: READS_AT_ONCE }, reader));
  return used;
}

async function resourcesOf(client: Client, action: string): Promise<readonly string[]> {
  const { attempts } = await client.action(action);
  return attempts.flatMap(({ events }) =>
    events.flatMap(({ event }) => {
      const { resources = [], effects = [] } = event.data as { resources?: readonly string[]; effects?: readonly { resource?: string }[] };
      return [...resources, ...(Array.isArray(effects) ? effects.flatMap(({ resource }) => resource ?? []) : [])];
    }),
  );
}

/** Keys of agents that record what cannot be undone, or that are about to end. */
export function checkKeys(place: Place): Check {
  return {
    name: 'keys',
    run: withService(place, async ({ client, nowMs }) => {
      const [keys, systems] = await Promise.all([client.keys(), client.systems()]);
      const active = keys.filter(({ state }) => state === 'active');
      const isFolder = systems.some(({ connector }) => connector === 'filesystem');
      const bare = isFolder ? active.filter(({ roles, resources }) => roles.includes('emit') && resources.length === 0) : [];
      const ending = active.filter(
        ({ expiresAt, successor }) => expiresAt !== undefined && successor === undefined && Date.parse(expiresAt) - nowMs() < EXPIRING_MS,
      );
      return { findings: [...bare.map(bareKey), ...ending.map(endingKey)] };
    }),
  };
}

function bareKey({ keyId, agents }: KeyBody): Finding {
  const names = agents.map((agent) => `--agent ${JSON.stringify(agent)}`).join(' ');
  return {
    subject: `key ${keyId}`,
    detail: `Changes of files that ${agents.join(', ')} reports under this key cannot be undone: it has no resources.`,
    action: `recant keys create ${names} --resource "filesystem://SYSTEM/*"; give it to the agent; recant keys revoke ${keyId}`,
  };
}

function endingKey({ keyId, agents, expiresAt }: KeyBody): Finding {
  return {
    subject: `key ${keyId}`,
    detail: `Expires at ${expiresAt}${agents.length === 0 ? '' : `; ${agents.join(', ')} cannot record afterwards`}.`,
    action: `recant keys rotate ${keyId}`,
  };
}
