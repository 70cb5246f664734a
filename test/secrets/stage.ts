import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { waitUntil } from '@recant/test-support';
import type { AgentOrder } from './agent.ts';
import { openTarget, type Target } from './target.ts';

const BIN = fileURLToPath(new URL('../../services/recant/bin/recant.js', import.meta.url));
const AGENT = fileURLToPath(new URL('./agent.ts', import.meta.url));
/** Output that an authorised person reads on the screen; not searched. */
export const READ = 'read';
const START_MS_MAX = 180_000;

/** Recant in a folder, as separate processes, and a target next to it that is not searched. */
export interface Stage extends AsyncDisposable {
  readonly folder: string;
  readonly target: Target;
  readonly url: string;
  readonly brokers: readonly string[] | undefined;
  /** The keys and the password that `recant up` printed once. */
  readonly made: { readonly operatorKey: string; readonly agentKey: string; readonly password: string };
  /** Runs a command as the operator and saves its output among the logs, or in another folder. @returns its standard output */
  recant(
    args: readonly string[],
    how?: { readonly expected?: number; readonly place?: string; readonly env?: Readonly<Record<string, string>> },
  ): Promise<string>;
  /** Runs an agent; rejects if its process fails. */
  play(order: Omit<AgentOrder, 'url' | 'shopUrl' | 'root' | 'store' | 'apiKey'>): Promise<void>;
  /** Stops `recant up` with SIGTERM. */
  end(): Promise<void>;
}

export async function setStage({ kafka }: { readonly kafka: boolean }): Promise<Stage> {
  await using started = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'recant-secrets-'));
  started.defer(() => rm(folder, { recursive: true, force: true }));
  await Promise.all(['logs', 'agent', 'exports', READ].map((name) => mkdir(join(folder, name))));
  const target = started.use(await openTarget(join(folder, 'target'), 'unguessable-of-the-target'));
  const runIn = (cwd: string, script: string, args: readonly string[], log: string, more: Readonly<Record<string, string>> = {}) => {
    const env = { ...more, PATH: process.env.PATH ?? '', HOME: folder, RECANT_DIR: join(folder, 'recant'), RECANT_LOG_LEVEL: 'debug' };
    const child = spawn(process.execPath, [script, ...args], { cwd, env, stdio: 'pipe' });
    return { child, ended: logged(child, join(folder, log)) };
  };

  const up = runIn(folder, BIN, ['up', '--port', '0', ...(kafka ? ['--kafka'] : [])], 'logs/up');
  const end = async (): Promise<void> => {
    up.child.kill('SIGTERM');
    const { code, err } = await up.ended;
    if (code !== 0) throw new Error(`recant up ended with ${code}: ${err}`);
  };
  let isEnded = false;
  started.defer(async () => {
    if (isEnded) return;
    up.child.kill('SIGKILL');
    await up.ended;
  });
  const outFile = join(folder, 'logs', 'up.out');
  const text = await waitUntil(
    async () => {
      if (up.child.exitCode !== null) return 'ended';
      const out = await readFile(outFile, 'utf8');
      return out.includes('Ctrl-C stops') ? out : undefined;
    },
    { timeoutMs: START_MS_MAX, what: 'recant up to be ready' },
  );
  const word = (pattern: RegExp): string | undefined => pattern.exec(text)?.[1];
  const url = word(/(http:\/\/\S+)/);
  if (url === undefined) throw new Error(`recant up did not start: ${(await up.ended).err}`);
  const made = {
    operatorKey: word(/operator\s+(recant_\S+)/) ?? '',
    agentKey: word(/agents\s+(recant_\S+)/) ?? '',
    password: word(/password\s+(\S+)/) ?? '',
  };
  let commands = 0;
  const running = started.move();
  return {
    ...{ folder, target, url, made, brokers: word(/Kafka \((\S+)\)/)?.split(',') },
    async recant(args, { expected = 0, place = 'logs', env } = {}) {
      commands += 1;
      const { ended } = runIn(folder, BIN, args, `${place}/${commands}-${args[0]}`, env);
      const { code, out, err } = await ended;
      if (code !== expected) throw new Error(`recant ${args.join(' ')} ended with ${code}: ${err}`);
      return out;
    },
    async play(part) {
      const { child, ended } = runIn(join(folder, 'agent'), AGENT, [], `logs/agent-${part.name}`);
      const order: AgentOrder = { ...part, url, apiKey: made.agentKey, shopUrl: target.agentUrl, root: target.root, store: target.store };
      child.stdin?.end(JSON.stringify(order));
      const { code, out, err } = await ended;
      if (code !== 0 || !out.endsWith('done\n')) throw new Error(`the agent ended with ${code}: ${err}`);
    },
    async end() {
      await end();
      isEnded = true;
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Writes the output of a process to `<log>.out` and `<log>.err`. */
async function logged(child: ChildProcess, log: string): Promise<Ended> {
  const keep = async (name: 'out' | 'err'): Promise<string> => {
    const file = createWriteStream(`${log}.${name}`);
    await finished((child[name === 'out' ? 'stdout' : 'stderr'] as NodeJS.ReadableStream).pipe(file));
    return readFile(`${log}.${name}`, 'utf8');
  };
  const [[code], out, err] = await Promise.all([once(child, 'exit') as Promise<[number | null]>, keep('out'), keep('err')]);
  return { code, out, err };
}
