import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { filesystemSystem } from '@recant/connector-filesystem';
import { type PostgresClient, postgresSystem } from '@recant/connector-postgres';
import { createRecant } from '@recant/sdk';
import { createStage, type Stage, type WholeClient } from '../../services/rollback/test/harness.ts';
import { type Act, keyOf, layOut, readFiles, type Scenario, type Shape } from './scenario.ts';

const SCHEMA = 'CREATE TABLE item (id int PRIMARY KEY, value int NOT NULL)';
/** Ids of one history. */
const IDS = 10_000;

/** A ledger, a captured database and a folder, without a worker: runs are driven by the caller's. */
export interface World extends AsyncDisposable {
  readonly stage: Stage;
  readonly root: string;
  /** The store of the files' connector. */
  readonly journal: string;
  play(scenario: Scenario): Promise<Played>;
}

export interface Played {
  readonly agent: string;
  /** Before the attempts, and after them and the person. */
  readonly before: Shape;
  readonly after: Shape;
  read(): Promise<Shape>;
  /** A person writes the row. */
  write(id: number, value: number): Promise<void>;
}

export async function openWorld(): Promise<World> {
  const stage = await createStage({ worker: false, schema: SCHEMA });
  const parent = await mkdtemp(join(tmpdir(), 'recant-kills-'));
  const root = join(parent, 'files');
  await mkdir(root);
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
  await stage.operator.registerSystem({ name: 'files', connector: 'filesystem', options: { root } });
  let played = 0;
  return {
    stage,
    root,
    journal: join(parent, '.recant-images-files/journal'),
    play(scenario) {
      played += 1;
      return playOn({ stage, root, number: played }, scenario);
    },
    async [Symbol.asyncDispose]() {
      await stage[Symbol.asyncDispose]();
      await rm(parent, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** The operator, who says why. */
export const reasoned = ({ stage }: Pick<World, 'stage'>): WholeClient => stage.withReason('test of kills');

interface Place {
  readonly stage: Stage;
  readonly root: string;
  readonly number: number;
}

async function playOn({ stage, root, number }: Place, scenario: Scenario): Promise<Played> {
  const { owner, pool } = stage.shop;
  const base = number * IDS;
  const name = `r${number}`;
  const folder = join(root, name);
  const ids = await layOut(folder, scenario);
  await owner.query('INSERT INTO item SELECT $1 + id, 1 FROM unnest($2::int[]) id', [base, ids]);
  const read = async (): Promise<Shape> => {
    const { rows } = await owner.query<{ id: number; value: number }>(
      'SELECT id - $1 AS id, value FROM item WHERE id >= $1 AND id < $1 + $2 ORDER BY id',
      [base, IDS],
    );
    return new Map([...rows.map(({ id, value }) => [`row ${id}`, String(value)] as const), ...(await readFiles(folder))]);
  };
  const before = await read();
  const agent = `bad${number}`;
  const files = filesystemSystem({ name: 'files', root });
  const shop = postgresSystem({ name: 'shop', pool });
  const apiKey = await stage.makeKey({ sourcePrefix: `recant://${agent}`, agents: [agent] });
  const recant = createRecant({ url: stage.url, apiKey, agent, systems: [files, shop] });
  await recant.open();
  for (const attempt of scenario.attempts) {
    await recant.action('change', {}, async (context) => {
      for (const act of attempt) {
        if (act.on === 'row') await context.on(shop).transaction((tx) => changeRow(tx, act, base));
        else await changeFile(context.on(files), act, name);
      }
    });
  }
  await recant.close();
  await files.close();
  const write = async (id: number, value: number) =>
    void (await owner.query('UPDATE item SET value = $2 WHERE id = $1', [base + id, value]));
  for (const act of scenario.contested.flatMap((at) => scenario.attempts[at] ?? [])) {
    if (act.on === 'row') await write(act.id, 5_000);
    else await writeFile(join(folder, act.name), `saved by a person over ${keyOf(act)}`);
  }
  return { agent, before, after: await read(), read, write };
}

type RowAct = Extract<Act, { on: 'row' }>;
type FileAct = Extract<Act, { on: 'file' }>;

async function changeRow(tx: PostgresClient, act: RowAct, base: number): Promise<void> {
  const [id, value] = [base + act.id, act.value];
  if (act.do === 'insert') await tx.query('INSERT INTO item VALUES ($1, $2)', [id, value]);
  else if (act.do === 'delete') await tx.query('DELETE FROM item WHERE id = $1', [id]);
  else await tx.query('UPDATE item SET value = $2 WHERE id = $1', [id, value]);
}

interface Directory {
  writeFile(path: string, content: string): Promise<void>;
  remove(path: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  move(from: string, to: string): Promise<void>;
}

async function changeFile(handle: Directory, { do: what, name, to }: FileAct, folder: string): Promise<void> {
  const path = `${folder}/${name}`;
  if (what === 'write') await handle.writeFile(path, `bad content of ${name}`);
  else if (what === 'remove') await handle.remove(path);
  else if (what === 'chmod') await handle.chmod(path, 0o600);
  else await handle.move(path, `${folder}/${to}`);
}

/** Records of inverses of files, by step. */
export async function fileInverses({ journal }: World, run: string): Promise<ReadonlyMap<number, number>> {
  const counts = new Map<number, number>();
  const text = (await readFile(journal)).toString('latin1');
  for (const [, of, step] of text.matchAll(/"k":"step","run":"([^"]+)","step":(\d+)/g))
    if (of === run) counts.set(Number(step), (counts.get(Number(step)) ?? 0) + 1);
  return counts;
}
