import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Recorders of several agents in a process of their own. Each calls one tool for each line on stdin, all at once, and prints how it ended. */
const SCRIPT = `
  import { createInterface } from 'node:readline';
  import { createRecant } from '@recant/sdk';
  const { urls, key, agents } = JSON.parse(process.env.AGENTS);
  const recorders = agents.map((agent, n) => createRecant({ url: urls[n % urls.length], apiKey: key, agent, ackTimeoutMs: 60_000, onProblem: () => {} }));
  await Promise.all(recorders.map((recant) => recant.open()));
  console.log(JSON.stringify('ready'));
  for await (const line of createInterface({ input: process.stdin })) {
    const { tool, input, resources } = JSON.parse(line);
    const ended = recorders.map((recant) =>
      recant.action(tool, input, () => 'ran', { resources, reversibility: 'compensable' }).catch((error) => error.code));
    console.log(JSON.stringify(await Promise.all(ended)));
  }
  await Promise.all(recorders.map((recant) => recant.close()));`;

export interface AgentProcess {
  /** @returns how the call of each agent ended: `ran`, or the code of its error */
  call(tool: string, input: object, resources: readonly string[]): Promise<readonly string[]>;
  stop(): void;
}

export async function startAgents(urls: readonly string[], key: string, agents: readonly string[]): Promise<AgentProcess> {
  const child: ChildProcess = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT], {
    cwd: import.meta.dirname,
    env: { ...process.env, AGENTS: JSON.stringify({ urls, key, agents }) },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const read = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('a process of agents ended');
    return JSON.parse(value);
  };
  await read();
  return {
    call(tool, input, resources) {
      child.stdin?.write(`${JSON.stringify({ tool, input, resources })}\n`);
      return read();
    },
    stop: () => void child.kill('SIGKILL'),
  };
}
