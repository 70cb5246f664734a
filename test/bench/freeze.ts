import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, createClient } from '@recant/client';
import pg from 'pg';
import { startCapturedPlace } from './captured-place.ts';
import { describeMachine, type Figure, type Results, round } from './figures.ts';

const AGENT = 'bot';
const PROCESSES = 50;
/** A freeze for so many of the option's events: 1,000 by default. */
const EVENTS_PER_FREEZE = 200;
/** Rounds with an agent's process, or the ledger, under SIGSTOP. */
const STOPS = 5;
/** From the order to the effect with all processes running (p99); with one stopped, or without a ledger: the length of a lease. */
const EFFECTIVE_MS_MAX = 1_000;
const LEASE_MS = 5_000;
/** Milliseconds between two writes of the login that uses no SDK. */
const WRITE_MS = 50;
const WAIT_MS = 120_000;

const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;
const now = (): number => performance.timeOrigin + performance.now();

/** Effects as their observer saw them: when each began, whose it was. */
class Observed {
  readonly #effects: { readonly at: number; readonly by: number }[] = [];
  add(at: number, by: number): void {
    this.#effects.push({ at, by });
  }
  between(from: number, to: number): number {
    return this.#effects.filter(({ at }) => at > from && at < to).length;
  }
  last(): number {
    return Math.max(...this.#effects.map(({ at }) => at));
  }
  /** Forgets what was seen, and waits for that many effects of different agents. */
  async next(count: number): Promise<void> {
    this.#effects.length = 0;
    for (const end = now() + WAIT_MS; new Set(this.#effects.map(({ by }) => by)).size < count; await delay(10))
      if (now() > end) throw new Error(`fewer than ${count} agents act again`);
  }
}

/** 50 agents with the SDK, each in a process of its own. */
function startAgents(url: string, apiKey: string, observed: Observed): readonly ChildProcess[] {
  return Array.from({ length: PROCESSES }, (_, n) => {
    const env = { PATH: process.env.PATH, BENCH_URL: url, BENCH_KEY: apiKey, BENCH_AGENT: AGENT };
    const agent = fork(join(import.meta.dirname, 'freeze-agent.ts'), { env, execArgv: ['--no-maglev'] });
    return agent.on('message', (at: number) => observed.add(at, n));
  });
}

/** The agent's login without the SDK: it writes without end, and what the database took is observed. */
function startWriter(url: string, observed: Observed): { stop(): Promise<void> } {
  let stopped = false;
  const pool = new pg.Pool({ connectionString: url, max: 1 }).on('error', () => undefined);
  const writing = (async () => {
    while (!stopped) {
      const at = now();
      await pool.query('UPDATE items SET n = n + 1 WHERE id = 1').then(
        () => observed.add(at, 0),
        () => undefined,
      );
      await delay(WRITE_MS);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await writing;
      await pool.end();
    },
  };
}

interface Place {
  readonly operator: Client;
  readonly byAgents: Observed;
  readonly byLogin: Observed;
}

interface Round {
  /** Milliseconds from the order to the effect, by the ledger, and to its answer, by the caller. */
  readonly effectiveMs: number;
  readonly answeredMs: number;
  /** Effects that began after the freeze was effective. */
  readonly late: number;
}

/** Freezes the agent for a moment while it acts. @param during runs once the freeze is effective */
async function freezeOnce({ operator, byAgents, byLogin }: Place, during: () => Promise<unknown> = async () => undefined): Promise<Round> {
  const startedAt = now();
  const { freeze, orderedAt, effectiveAt } = await operator.freeze({ scope: 'agent', value: AGENT, reason: 'a benchmark' });
  const answeredAt = now();
  if (effectiveAt === undefined) throw new Error(`freeze ${freeze} did not become effective`);
  await during();
  await delay(2 * WRITE_MS);
  const until = now();
  await operator.thaw(freeze, 'a benchmark');
  // By this machine’s clock, which the ledger, the database and the agents share; `effectiveAt` has whole milliseconds.
  const from = Date.parse(effectiveAt) + 1;
  return {
    effectiveMs: Date.parse(effectiveAt) - Date.parse(orderedAt),
    answeredMs: answeredAt - startedAt,
    late: byAgents.between(from, until) + byLogin.between(from, until),
  };
}

/** Freezes one after the other; before each, some agents and the login have acted again. */
async function freezes(place: Place, count: number): Promise<readonly Round[]> {
  const rounds: Round[] = [];
  while (rounds.length < count) {
    await Promise.all([place.byAgents.next(5), place.byLogin.next(1)]);
    rounds.push(await freezeOnce(place));
  }
  return rounds;
}

/** One agent’s process stands still when the freeze is ordered, and goes on while it is in force. */
async function freezesOfStopped(place: Place, agents: readonly ChildProcess[]): Promise<readonly Round[]> {
  const rounds: Round[] = [];
  for (const agent of agents.slice(0, STOPS)) {
    await Promise.all([place.byAgents.next(PROCESSES), place.byLogin.next(1)]);
    agent.kill('SIGSTOP');
    rounds.push(
      await freezeOnce(place, async () => {
        agent.kill('SIGCONT');
        await delay(2_000);
      }),
    );
  }
  return rounds;
}

/** The ledger stands still: agents stop by themselves. @returns milliseconds from its stop to the last effect */
async function ledgerAway(pid: number, { byAgents, byLogin }: Place): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < STOPS; n += 1) {
    await Promise.all([byAgents.next(PROCESSES), byLogin.next(1)]);
    const stoppedAt = now();
    process.kill(pid, 'SIGSTOP');
    await delay(2 * LEASE_MS);
    times.push(Math.max(0, byAgents.last() - stoppedAt));
    process.kill(pid, 'SIGCONT');
  }
  return times;
}

/** From the order of a freeze to the moment from which nothing of the agent takes effect, watched from outside. */
export async function benchFreeze({ events }: { readonly events: number }): Promise<Results> {
  const place = await startCapturedPlace(AGENT, 10);
  const [byAgents, byLogin] = [new Observed(), new Observed()];
  const operator = createClient({ url: place.url, apiKey: place.operatorKey });
  const writer = startWriter(place.agentUrl, byLogin);
  const agents = startAgents(place.url, place.agentKey, byAgents);
  try {
    await byAgents.next(PROCESSES);
    const seen = { operator, byAgents, byLogin };
    const startedAt = now();
    const running = await freezes(seen, Math.ceil(events / EVENTS_PER_FREEZE));
    const roundMs = (now() - startedAt) / running.length;
    const stopped = await freezesOfStopped(seen, agents);
    const away = await ledgerAway(place.pid, seen);
    return {
      name: 'freeze',
      machine: describeMachine(),
      figures: [
        ...effective(`${running.length} freezes, ${PROCESSES} processes`, running, EFFECTIVE_MS_MAX),
        { metric: 'from one freeze to the next', value: round(roundMs, 0), unit: 'ms' },
        ...effective('one process under SIGSTOP', stopped, LEASE_MS),
        atMost('ledger under SIGSTOP: last effect of an agent, longest of 5', Math.max(...away), LEASE_MS),
      ],
    };
  } finally {
    await writer.stop();
    await Promise.all(
      agents.map(async (agent) => {
        if (agent.exitCode !== null || agent.signalCode !== null) return;
        agent.kill('SIGKILL');
        await once(agent, 'exit');
      }),
    );
    await place.stop();
  }
}

function effective(what: string, rounds: readonly Round[], limitMs: number): Figure[] {
  const times = rounds.map(({ effectiveMs }) => effectiveMs);
  const late = rounds.reduce((sum, round) => sum + round.late, 0);
  return [
    { metric: `${what}: effective, p50`, value: round(percentile(times, 0.5), 0), unit: 'ms' },
    atMost(`${what}: effective, p99`, percentile(times, 0.99), limitMs),
    atMost(
      `${what}: answered, p99`,
      percentile(
        rounds.map(({ answeredMs }) => answeredMs),
        0.99,
      ),
      limitMs,
    ),
    { metric: `${what}: effects that began after it`, value: late, unit: '', ratio: late === 0 ? 1 : 0, floor: 1 },
  ];
}

function atMost(metric: string, ms: number, limit: number): Figure {
  return { metric, value: round(ms, 0), unit: 'ms', limit, ratio: round(limit / Math.max(1, ms), 3), floor: 1 };
}
