import type { CapturingSystem } from '@recant/connector';
import type { PostgresHandle } from '@recant/connector-postgres';
import type { Recant } from '@recant/sdk';
import { callTool, isWrite, type ToolArguments } from './retail-tools.ts';

export interface Session {
  readonly task: string;
  readonly actions: readonly { readonly name: string; readonly arguments: ToolArguments }[];
}

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
    name: `support-${at + 1}`,
    sessions: sessions.filter((_session, index) => index % AGENTS === at),
  }));
}

/** Plays all sessions of one agent, one after the other. Refusals by tools are part of the corpus; any other error ends the run. */
export async function play(agent: Agent, shop: CapturingSystem<PostgresHandle>): Promise<Call[]> {
  const calls: Call[] = [];
  for (const session of agent.sessions) {
    const name = `task-${session.task}`;
    const recant = await agent.open(name);
    for (const [at, { name: tool, arguments: args }] of session.actions.entries()) {
      const call = `${name}/${at}`;
      let action = '';
      const startedAtMs = Date.now();
      const succeeded = await recant
        .action(
          { tool, arguments: args as never, systems: [shop.name], reversibility: isWrite(tool) ? 'reversible' : 'read' },
          async (ctx) => {
            action = ctx.action;
            await ctx.on(shop).transaction(async (tx) => {
              await tx.query(`SELECT set_config('harness.call', $1, true)`, [call]);
              await callTool(tx, tool, args);
            });
          },
        )
        .then(
          () => true,
          (error: Error) => {
            if (error.name !== 'ToolError') throw error;
            return false;
          },
        );
      calls.push({ call, agent: agent.name, session: name, action, write: isWrite(tool), succeeded, startedAtMs });
    }
    await recant.close();
  }
  return calls;
}
