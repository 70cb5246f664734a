import type pg from 'pg';
import type { CopyWriter } from './copy-writer.ts';

export interface Copy {
  /** `COPY table (columns) FROM STDIN (FORMAT binary)` */
  readonly statement: string;
  readonly rows: CopyWriter;
}

/** Members of pg's connection that its type declarations omit, hence the double casts below. */
interface Connection {
  readonly stream: { cork(): void; write(bytes: Uint8Array): boolean; uncork(): void };
  query(text: string): void;
}

const COPY_DATA = 0x64;
const COPY_DONE = Buffer.from([0x63, 0, 0, 0, 4]);
/** Bytes of one CopyData message: small enough to stay in the server's CPU cache between receiving and reading. */
const COPY_DATA_BYTES = 65_536;

/**
 * Sends all rows and the statements after them in one exchange, without waiting for the server in between. After an error the server skips the rest of the
 * exchange ("Simple Query", "COPY Operations" in PostgreSQL's protocol documentation).
 *
 * A transaction then takes 3 round trips instead of 12, each of which also waits for the busy event loop.
 * @returns rows changed by the last statement
 */
export function copyThen(client: pg.ClientBase, copies: readonly Copy[], after: readonly string[]): Promise<number> {
  const filled = copies.filter(({ rows }) => rows.rows > 0);
  return new Promise((resolve, reject) => {
    client.query(new CopyExchange(filled, after, resolve, reject));
  });
}

class CopyExchange implements pg.Submittable {
  readonly #copies: readonly Copy[];
  readonly #after: readonly string[];
  readonly #resolve: (changed: number) => void;
  readonly #reject: (error: Error) => void;
  #changed = 0;

  constructor(copies: readonly Copy[], after: readonly string[], resolve: (changed: number) => void, reject: (error: Error) => void) {
    this.#copies = copies;
    this.#after = after;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: pg.Connection): void {
    const { stream } = connection as unknown as Connection;
    stream.cork();
    (connection as unknown as Connection).query([...this.#copies.map(({ statement }) => statement), ...this.#after].join(';'));
    for (const { rows } of this.#copies) {
      const data = rows.finish();
      for (let at = 0; at < data.length; at += COPY_DATA_BYTES) {
        const chunk = data.subarray(at, at + COPY_DATA_BYTES);
        const header = Buffer.allocUnsafe(5);
        header[0] = COPY_DATA;
        header.writeInt32BE(chunk.length + 4, 1);
        stream.write(header);
        stream.write(chunk);
      }
      stream.write(COPY_DONE);
    }
    stream.uncork();
  }

  handleCopyInResponse(): void {}

  /** Called per statement, for the last one last: `UPDATE 1`. */
  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#changed = Number(text.split(' ').at(-1));
  }

  handleError(error: Error): void {
    this.#reject(error);
  }

  handleReadyForQuery(): void {
    this.#resolve(this.#changed);
  }
}
