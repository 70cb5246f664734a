import { createHash } from 'node:crypto';
import type { Effect } from '@recant/events';
import { uuidv7 } from '@recant/events';
import type { Client } from 'pg';
import { HijackedAgent } from '../../services/rollback/test/hijacked.ts';
import type { Script } from './elements.ts';
import type { Players } from './play.ts';
import { createSdkAgent, type SdkAgent } from './sdk-agent.ts';
import type { Service } from './service.ts';
import type { Target } from './target.ts';

/** Milliseconds within which an attempt has to end. */
const [NEVER_LATE, LATE_AT_ONCE] = [3_600_000, 1];

/** Longer than a campaign: no agent is lost in a later history. */
const LEASE_MS = 86_400_000;

/** Everything that the agents of one history do and say. */
export interface Speakers extends Players {
  readonly agentOf: (agent: number) => string;
  readonly actionOf: (attempt: string) => string;
  /** An agent reports an end of an attempt after all. */
  contradict(attempt: string, outcome: 'succeeded' | 'failed'): Promise<void>;
  /** Agents of the SDK end. */
  close(): Promise<void>;
}

/**
 * @param play number of this play of the history: its sources and actions are its own
 * @param skewMs of an agent's clock, in milliseconds
 */
export function createSpeakers(
  script: Script,
  play: string,
  target: Target,
  service: Service,
  apiKey: string,
  skewMs: (agent: number) => number = () => 0,
): Speakers {
  const agents = new Map<number, HijackedAgent>();
  const pooled = script.kinds.has('transaction pooler');
  const agentOf = (agent: number) => `${agent === 0 ? 'solo' : 'shared'}${agent}-${target.system}`;
  const sourceOf = (agent: number) => `recant://${agentOf(agent)}/${play}`;
  const startedMs = Date.now();
  const bySdk = new Map<string, string>();
  const actionOf = (attempt: string) =>
    bySdk.get(attempt) ?? uuidv7(startedMs, createHash('sha256').update(`${play} ${target.system} ${attempt}`).digest().subarray(0, 16));
  const refOf = (agent: number, attempt: number) => [sourceOf(agent), actionOf(`${agent}/${attempt}`), 1];
  const saysOf = (agent: number, attempt: number) => script.says.get(`${agent}/${attempt}`) ?? 'truth';
  const agentFor = (agent: number): HijackedAgent => {
    const known =
      agents.get(agent) ??
      new HijackedAgent(service, { agent: agentOf(agent), apiKey, source: sourceOf(agent), leaseMs: LEASE_MS, skewMs: skewMs(agent) });
    agents.set(agent, known);
    return known;
  };
  const sdkAgents = new Map<number, Promise<SdkAgent>>();
  const sdkAgent = (agent: number): Promise<SdkAgent> => {
    const actor = { is: 'agent', agent, attempt: 1 } as const;
    const known =
      sdkAgents.get(agent) ??
      createSdkAgent({
        service,
        apiKey,
        agent: agentOf(agent),
        system: target.system,
        connect: () => target.connect(actor, pooled),
        release: (client) => target.release(actor, pooled, client),
      });
    sdkAgents.set(agent, known);
    return known;
  };
  const revocable = new Map<string, string>();
  return {
    owner: target.owner,
    startNames: target.startNames,
    agentOf,
    actionOf,
    async connect({ actor }) {
      if (actor.is !== 'agent' || saysOf(actor.agent, actor.attempt) !== 'sdk') return target.connect(actor, pooled);
      return (await sdkAgent(actor.agent)).transaction(`${actor.agent}/${actor.attempt}`);
    },
    release({ actor }, client) {
      if (actor.is !== 'agent' || saysOf(actor.agent, actor.attempt) !== 'sdk') target.release(actor, pooled, client);
    },
    async close() {
      for (const agent of sdkAgents.values()) await (await agent).close();
    },
    async contradict(attempt, outcome) {
      const one = agentFor(Number(attempt.split('/')[0]));
      await accepted(one, one.settled(actionOf(attempt), [], { outcome }));
    },
    preparedName: target.preparedName,
    limit: target.limit,
    async intend(agent, attempt) {
      const says = saysOf(agent, attempt);
      if (says === 'nothing') return;
      const name = `${agent}/${attempt}`;
      if (says === 'sdk') return void bySdk.set(name, await (await sdkAgent(agent)).intend(name));
      const action = actionOf(`${agent}/${attempt}`);
      const deadlineMs = says === 'no end' || says === 'revoked' ? LATE_AT_ONCE : NEVER_LATE;
      if (says !== 'revoked') return accepted(agentFor(agent), agentFor(agent).intended(action, { deadlineMs }));
      const key = await service.key({ sourcePrefix: `recant://${agentOf(agent)}/`, agents: [agentOf(agent)] });
      revocable.set(`${agent}/${attempt}`, key.keyId);
      const source = `${sourceOf(agent)}/${attempt}`;
      const alone = new HijackedAgent(service, {
        agent: agentOf(agent),
        apiKey: key.apiKey,
        source,
        leaseMs: LEASE_MS,
        skewMs: skewMs(agent),
      });
      await accepted(alone, alone.intended(action, { deadlineMs }));
      await service.operator.revokeKey(key.keyId);
    },
    async name(client, agent, attempt) {
      // Its transactions have their names from the start.
      if (saysOf(agent, attempt) === 'sdk') return true;
      const ref = revocable.has(`${agent}/${attempt}`)
        ? [`${sourceOf(agent)}/${attempt}`, ...refOf(agent, attempt).slice(1)]
        : refOf(agent, attempt);
      await target.speaker(agent).query('SELECT recant.open_attempt($1, $2, $3)', ref).catch(ignoreRefusal);
      return client.query('SELECT recant.name_attempt($1, $2, $3)', ref).then(() => true, ignoreRefusal);
    },
    async usurp(client, agent, attempt) {
      const taken = await client.query('SELECT recant.name_attempt($1, $2, $3)', refOf(agent, attempt)).then(() => true, ignoreRefusal);
      if (taken) throw new Error(`A login named attempt ${agent}/${attempt} of another login.`);
    },
    async settle(agent, attempt, outcome) {
      const says = saysOf(agent, attempt);
      if (says === 'nothing' || says === 'no end' || says === 'no end yet' || says === 'revoked') return;
      if (says === 'sdk') return (await sdkAgent(agent)).settle(`${agent}/${attempt}`, outcome);
      await target.speaker(agent).query('SELECT recant.settle_attempt($1, $2, $3)', refOf(agent, attempt));
      const one = agentFor(agent);
      const action = actionOf(`${agent}/${attempt}`);
      const truth = says === 'failed' ? 'failed' : outcome;
      const claims = says === 'invented' || says === 'miscounted' ? await inventEffects(target) : [];
      if (says === 'invented') await accepted(one, one.effects(action, claims));
      await accepted(one, one.settled(action, claims, { outcome: truth }));
      if (says === 'both') await accepted(one, one.settled(action, [], { outcome: truth === 'failed' ? 'succeeded' : 'failed' }));
    },
  };
}

/** Of rows that others wrote, with numbers far behind and far ahead of the target's own. */
async function inventEffects({ admin, system }: { readonly admin: Client; readonly system: string }): Promise<Effect[]> {
  const { rows } = await admin.query(`SELECT coalesce(pg_sequence_last_value('recant.ordinal'), 1)::text AS ordinal`);
  const version = (letter: string) => `v1.${letter.repeat(22)}`;
  return ['1', rows[0].ordinal, '999999999999999999'].map((ordinal: string, n) => ({
    resource: `postgres://${system}/public.item/${n + 1}`,
    operation: 'update',
    ordinal,
    parts: { qty: { before: version('A'), after: version('B') }, price: { before: version('A'), after: version('B') } },
    compensation: { connector: 'postgres', images: [`change/${ordinal}`] },
  }));
}

async function accepted(agent: HijackedAgent, event: Uint8Array): Promise<void> {
  // Two ends of one attempt are recorded both, and said to contradict each other.
  const codes = await agent.send(event);
  // A hole in the numbers would be named by each plan.
  if (codes.includes('equivocation')) agent.reuseNumber();
  const refused = codes.filter((code) => code !== 'equivocation');
  if (refused.length > 0) throw new Error(`The ledger refused an agent's event: ${refused.join(', ')}`);
}

/** 42501 and 55000: the login may not use the name, the attempt is settled, or the transaction has another name. */
function ignoreRefusal(error: Error & { code?: string }): boolean {
  if (error.code === '42501' || error.code === '55000') return false;
  throw error;
}
