import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { testLedgerDatabase } from '@recant/test-support';
import { runProgram } from '../src/cli/program.ts';

const BIN = fileURLToPath(new URL('../bin/recant.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs one command like a user, in `cwd`, with only PATH from this machine's environment. */
export function recant(cwd: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const clean = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env };
  return new Promise((resolve) => {
    execFile(process.execPath, [BIN, ...args], { cwd, env: clean, maxBuffer: 32 * 1024 * 1024 }, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
      resolve({ code, out, err });
    });
  });
}

/** The same in this process, for tests with many commands. */
export async function recantHere(
  dir: string,
  args: readonly string[],
  signal: AbortSignal = new AbortController().signal,
  seen: (out: string) => void = () => undefined,
  around: { readonly env?: Readonly<Record<string, string>>; readonly terminal?: TypedTerminal; readonly nowMs?: () => number } = {},
): Promise<Ended> {
  const texts = { out: '', err: '' };
  const into = (name: 'out' | 'err') =>
    new Writable({
      write(chunk, _encoding, done) {
        texts[name] += String(chunk);
        if (name === 'out') seen(texts.out);
        else around.terminal?.read(String(chunk));
        done();
      },
    });
  const code = await runProgram(args, {
    ...{
      out: into('out'),
      err: into('err'),
      input: around.terminal?.input ?? process.stdin,
      env: { RECANT_DIR: dir, ...around.env },
      nowMs: around.nowMs ?? Date.now,
    },
    signal,
  });
  return { code, ...texts };
}

/** A user at a terminal who answers each prompt with the given ending by the given line. */
export interface TypedTerminal {
  readonly input: NodeJS.ReadStream;
  read(text: string): void;
}

/** Types each line. */
export const typing = (answers: readonly (readonly [question: RegExp, answer: string])[]): TypedTerminal =>
  keyboard(answers.map(([question, answer]) => [question, `${answer}\n`])).terminal;

/** Answers each question with its keys, counts them, and does something first where a test asks for it. */
export function keyboard(answers: readonly (readonly [question: RegExp, keys: string, first?: () => Promise<unknown>])[]) {
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => input }) as unknown as NodeJS.ReadStream & PassThrough;
  const left = [...answers];
  let [shown, typed] = ['', 0];
  const terminal: TypedTerminal = {
    input,
    read(text) {
      shown += text;
      const [next] = left;
      if (!next?.[0].test(shown)) return;
      left.shift();
      shown = '';
      typed += next[1].length;
      // After the prompt listens.
      void Promise.resolve(next[2]?.()).then(() => setImmediate(() => input.write(next[1])));
    },
  };
  return { terminal, typed: () => typed, left: () => left.length };
}

export interface Up {
  readonly child: ChildProcess;
  readonly url: string;
  /** Its output until it was ready. */
  readonly out: string;
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

/** Starts `recant up` on a free port and waits until it is ready. */
export async function up(cwd: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<Up> {
  const clean = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env };
  const child = spawn(process.execPath, [BIN, 'up', '--port', '0', ...args], { cwd, env: clean, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  let out = '';
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      if (out.includes('Ctrl-C stops')) resolve();
    });
    child.once('exit', (code, signal) => reject(new Error(`recant up ended (${code ?? signal}): ${err}`)));
  });
  const url = /https?:\/\/\S+/.exec(out)?.[0] ?? '';
  return {
    ...{ child, url, out },
    async end(signal) {
      child.kill(signal);
      const [code, by] = await exited;
      return code ?? by;
    },
  };
}

export interface LedgerFolder {
  readonly path: string;
  /** Environment of `up`. */
  readonly env: Readonly<Record<string, string>>;
  remove(): Promise<void>;
}

/** A temporary folder, and a migrated database of the run's server: `up` neither creates nor starts a server of its own, which `up.test.ts` shows. */
export async function ledgerFolder(): Promise<LedgerFolder> {
  const [folder, database] = await Promise.all([temporaryFolder(), testLedgerDatabase()]);
  return {
    path: folder.path,
    env: { DATABASE_URL: database.ownerUrl },
    remove: () => Promise.all([folder.remove(), database.drop()]).then(() => undefined),
  };
}

export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'recant-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
