import type { FilesystemSystem } from '@recant/connector-filesystem';
import type { PostgresClient, postgresSystem } from '@recant/connector-postgres';
import { percentEncode } from '@recant/events';
import type { ActionContext, ActionOptions, Recant } from '@recant/sdk';
import type { Planted } from './corpus.ts';

/** The recorder and systems of an agent. */
export interface AgentTools {
  readonly agent: string;
  readonly recant: Recant;
  readonly shop: ReturnType<typeof postgresSystem>;
  readonly files: FilesystemSystem;
}

/** A value in use. */
interface Case extends Planted {
  readonly index: number;
  /** The value as text of a program or query. */
  readonly shown: string;
  /** Members that contain the value, next to others. */
  readonly members: Readonly<Record<string, unknown>>;
}
type AgentAction = (tools: AgentTools, planted: Case) => Promise<unknown>;

/** Over the inline limit of an event, so it is stored as a part. */
const LONG = 'All work and no play makes a dull log. '.repeat(600);
const FILE_NAME_BYTES_MAX = 180;

/** What agents do with confidential values, by the way in which each could get into a record. */
const ACTIONS: Readonly<Record<string, AgentAction>> = {
  arguments: ({ recant }, { members }) => recant.action('note', { list: [{ members }] }, () => {}),
  'arguments as json in a text': ({ recant }, { members }) => recant.action('post', { body: JSON.stringify(members) }, () => {}),
  'long arguments': ({ recant }, { members }) => recant.action('note', { LONG, members }, () => {}),
  'name of an argument': ({ recant }, { text }) => (text === undefined ? done : recant.action('note', { [text]: true }, () => {})),
  result: ({ recant }, { members }) => recant.action('read', {}, (context) => context.result({ rows: [members] })),
  'long result': ({ recant }, { members }) => recant.action('read', {}, (context) => context.result({ LONG, members })),
  'result of a wrapped tool': ({ recant }, { members }) =>
    recant.wrap(async () => members, { name: 'fetch', result: (all) => ({ all }) })(),
  error: ({ recant }, { shown }) =>
    recant.action('call', {}, () => {
      throw Object.assign(new Error(`it failed: ${shown}`, { cause: new Error(shown) }), { name: shown, code: shown });
    }),
  'sql as an argument': ({ recant }, { members }) => {
    const [[name, value] = ['', '']] = Object.entries(members);
    const sql = `UPDATE customer SET ${name} = '${String(value).replaceAll("'", "''")}' WHERE id = 7`;
    return recant.action('query', { sql }, () => {});
  },
  'rows of a database': (tools, { index, shown }) =>
    onShop(tools, 'remember', async (tx) => {
      await tx.query('INSERT INTO note VALUES ($1, $2)', [index, shown]);
      await tx.query(`UPDATE note SET body = body || ' again' WHERE id = $1`, [index]);
    }),
  'rows that cannot be restored': (tools, { shown }) =>
    onShop(tools, 'seal', (tx) => tx.query('INSERT INTO sealed (body) VALUES ($1)', [shown])),
  'key of a row': (tools, { text }) =>
    text === undefined ? done : onShop(tools, 'file', (tx) => tx.query('INSERT INTO filed VALUES ($1, $2)', [tools.agent, text])),
  'error of a database': (tools, { text }) =>
    text === undefined ? done : onShop(tools, 'file', (tx) => tx.query('INSERT INTO filed VALUES ($1, $2)', [tools.agent, text])),
  'message of a database': (tools, { shown }) => onShop(tools, 'count', (tx) => tx.query('SELECT $1::text::integer', [shown])),
  path: (tools, planted) => {
    const path = pathOf(tools, planted);
    return path === undefined ? done : onFiles(tools, {}, path);
  },
  'declared resource': (tools, planted) => {
    const path = pathOf(tools, planted);
    if (path === undefined) return done;
    return onFiles(tools, { resources: [`filesystem://${tools.files.name}/${percentEncode(path)}`] }, path);
  },
  'declared address': ({ recant }, { shown }) =>
    recant.action('get', {}, () => {}, { resources: [`https://host/${shown}`], reversibility: 'read' }),
  context: ({ recant }, { members, shown }) => {
    const labels = Object.fromEntries(Object.entries(members).map(([name, value]) => [name, String(value)]));
    return recant.action('note', {}, () => {}, { session: shown, onBehalfOf: shown, labels });
  },
  'name of a tool': ({ recant }, { text }) => (text === undefined ? done : recant.action(text, {}, () => {})),
  'name of a subject': ({ recant }, { text, members }) =>
    text === undefined ? done : recant.action('note', members, () => {}, { subject: text }),
};
const done = Promise.resolve();

export const WAYS: readonly string[] = Object.keys(ACTIONS);

/** Uses one value in the given ways. @param failed called with the error that the agent sees */
export async function doAll(
  tools: AgentTools,
  planted: Planted,
  index: number,
  ways: readonly string[],
  failed: (error: unknown) => void,
): Promise<void> {
  const { key, text, value } = planted;
  const members = { ...(text === undefined ? {} : { text }), ...(key === undefined ? {} : { [key]: value }) };
  const all = { ...planted, index, members, shown: text ?? `${key} = '${value}'` };
  for (const way of ways) await ACTIONS[way]?.(tools, all).catch(failed);
}

function onShop({ recant, shop }: AgentTools, tool: string, work: (tx: PostgresClient) => Promise<unknown>): Promise<unknown> {
  return recant.action(tool, {}, (context) => context.on(shop).transaction(work), { systems: [shop.name] });
}

async function onFiles({ agent, recant, files }: AgentTools, options: ActionOptions, path: string): Promise<void> {
  const work = async (context: ActionContext) => {
    await context.on(files).mkdir(agent, { recursive: true });
    await context.on(files).writeFile(path, 'x');
    await context.on(files).move(path, `${path} moved`);
  };
  await recant.action('write_file', {}, work, options);
}

/** A file name in which the value is recognisable. */
function pathOf({ agent }: AgentTools, { text, value, shaped }: Case): string | undefined {
  const name = [text, ...(shaped ? [`of ${value}`] : [])].find(
    (name) => name !== undefined && !/[/\n]/.test(name) && Buffer.byteLength(name) <= FILE_NAME_BYTES_MAX,
  );
  return name && `${agent}/${name}`;
}
