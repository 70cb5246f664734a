import type { CapturingSystem } from '@recant/connector';
import type { PostgresHandle } from '@recant/connector-postgres';
import type { Recant } from '@recant/sdk';
import type { Corpus, Session } from './corpus.ts';

/** One tool call as the harness saw it; `call` is the name under which the harness's triggers record its row changes. */
export interface Call {
  readonly call: string;
  readonly agent: string;
  readonly session: string;
  readonly action: string;
  readonly write: boolean;
  readonly succeeded: boolean;
  readonly startedAtMs: number;
}

export interface Agent {
  readonly name: string;
  readonly sessions: readonly Session[];
  /** A recorder for one session of this agent. */
  open(session: string): Promise<Recant>;
}

export const AGENTS = 8;

/** Deals the sessions to the agents in turn. */
export function deal(sessions: readonly Session[]): { name: string; sessions: Session[] }[] {
  return Array.from({ length: AGENTS }, (_, at) => ({
    name: `agent-${at + 1}`,
    sessions: sessions.filter((_session, index) => index % AGENTS === at),
  }));
}

/** Plays all sessions of one agent, one after the other. Refusals by tools are part of the corpus; any other error ends the run. */
export async function play(agent: Agent, corpus: Corpus, target: CapturingSystem<PostgresHandle>): Promise<Call[]> {
  const calls: Call[] = [];
  for (const { session, actions } of agent.sessions) {
    const recant = await agent.open(session);
    for (const [at, step] of actions.entries()) {
      const call = `${session}/${at}`;
      const [tool, args] = 'name' in step ? [step.name, step.arguments] : ['sql', { statements: step.statements.length }];
      const write = corpus.isWrite(step);
      let action = '';
      const startedAtMs = Date.now();
      const succeeded = await recant
        .action(
          tool,
          args as never,
          async (ctx) => {
            action = ctx.action;
            await ctx.on(target).transaction(async (tx) => {
              await tx.query(`SELECT set_config('harness.call', $1, true)`, [call]);
              await corpus.call(tx, step);
            });
          },
          { reversibility: write ? 'reversible' : 'read' },
        )
        .then(
          () => true,
          (error: Error) => {
            if (!isRefusal(error)) throw error;
            return false;
          },
        );
      calls.push({ call, agent: agent.name, session, action, write, succeeded, startedAtMs });
    }
    await recant.close();
  }
  return calls;
}

/** A rule of the domain, or a constraint of the database (SQLSTATE class 23), refused the call. */
const isRefusal = (error: Error & { code?: string }): boolean => error.name === 'ToolError' || /^23...$/.test(error.code ?? '');
