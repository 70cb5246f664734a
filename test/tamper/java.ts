import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('../../deploy/verifier/Verify.java', import.meta.url));

/** Low enough that a log of some hundred entries is sorted through a file, like one of millions. */
const FACTS_IN_MEMORY = 100;

/** The JSON that the Java verifier prints for one file. */
export interface JavaVerdict {
  readonly sound?: boolean;
  readonly error?: string;
  readonly rule?: string;
  readonly shard?: number;
  readonly index?: string;
  readonly detail?: string;
  readonly counts?: Readonly<Record<string, number>>;
  readonly warningCounts?: Readonly<Record<string, number>>;
  readonly made?: string;
  readonly query?: object;
}

/** One JVM that verifies file after file, with a heap of 96 MB. */
export class JavaVerifier {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #waiting: { resolve(verdict: JavaVerdict): void; reject(cause: Error): void }[] = [];
  #stderr = '';

  constructor() {
    this.#process = spawn('java', ['-Xmx96m', '-XX:+UseSerialGC', `-Drecant.facts=${FACTS_IN_MEMORY}`, SOURCE, '--batch', '-']);
    this.#process.stderr.on('data', (bytes: Buffer) => {
      this.#stderr = (this.#stderr + bytes.toString()).slice(-4_000);
    });
    this.#process.on('error', (cause) => this.#fail(cause));
    this.#process.on('exit', () => this.#fail(new Error(`the Java verifier exited: ${this.#stderr}`)));
    createInterface({ input: this.#process.stdout }).on('line', (line) => this.#waiting.shift()?.resolve(JSON.parse(line) as JavaVerdict));
  }

  verify(file: string, anchors: string | undefined, keys: readonly string[]): Promise<JavaVerdict> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#process.stdin.write(`${[file, anchors ?? '', ...keys].join('\t')}\n`);
    });
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.stdin.end();
    await ended;
  }

  #fail(cause: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(cause);
  }
}
