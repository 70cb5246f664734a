/** An agent's process: uses every value of the corpus in every way. Reads its order as JSON from standard input. */
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { filesystemSystem } from '@recant/connector-filesystem';
import { postgresSystem } from '@recant/connector-postgres';
import { createRecant, type RecantOptions } from '@recant/sdk';
import { kafkaTransport } from '@recant/sdk/kafka';
import pg from 'pg';
import { doAll, WAYS } from './agent-actions.ts';
import { corpus } from './corpus.ts';

export interface AgentOrder {
  readonly name: string;
  readonly seed: string;
  /** Each value is used in every n-th way only. */
  readonly every: number;
  readonly url: string;
  readonly apiKey: string;
  /** Events go to Kafka. */
  readonly brokers?: readonly string[];
  readonly shopUrl: string;
  readonly root: string;
  readonly store: string;
  readonly redaction: NonNullable<RecantOptions['redaction']>;
}

/** Values in use at once. */
const CONCURRENCY = 4;

const order = JSON.parse(await text(process.stdin)) as AgentOrder;
const { name, url, apiKey, brokers, redaction } = order;
const pool = new pg.Pool({ connectionString: order.shopUrl, max: CONCURRENCY });
const shop = postgresSystem({ name: 'shop', pool });
const files = filesystemSystem({ name: 'files', root: order.root, store: order.store });
const transport = brokers && kafkaTransport({ brokers: [...brokers], apiKey, tenant: 'default', url });
/** The log of a careful agent: everything that the SDK reports. Errors of the agent's own tools are not part of it. */
const log = (what: unknown): void => void process.stderr.write(`${inspect(what, { depth: 10, maxStringLength: null })}\n`);
const recant = createRecant({
  ...{ agent: name, url, apiKey, redaction, systems: [shop, files], onProblem: log },
  ...(transport ? { transport } : {}),
});
await recant.open();
const left = corpus(order.seed).entries();
const worker = async (): Promise<void> => {
  for (const [index, planted] of left) {
    const ways = WAYS.filter((_, n) => (n + index) % order.every === 0);
    await doAll({ agent: name, recant, shop, files }, planted, index, ways, (error) => {
      if ((error as { name?: unknown }).name === 'RecantError') log(error);
    });
  }
};
await Promise.all(Array.from({ length: CONCURRENCY }, worker));
await recant.close();
await pool.end();
process.stdout.write('done\n');
