import { join, relative, sep } from 'node:path';
import { waitUntil } from '@recant/test-support';
import { corpus } from './corpus.ts';
import { dumpRows } from './dump.ts';
import { needlesOf } from './needles.ts';
import { type Find, Search } from './search.ts';
import { READ, type Stage, setStage } from './stage.ts';
import { AGENT_ROLE } from './target.ts';

export interface CampaignOptions {
  readonly seed: string;
  /** Also run an agent that sends its events over Kafka. */
  readonly kafka: boolean;
  /** False: record the values, to prove that the search finds them. */
  readonly redaction: boolean;
  /** Use each value in every n-th way only: a sample. */
  readonly every?: number;
}

/** Everything that Recant writes, by place. */
export const PLACES = ['database', 'rows', 'broker', 'logs', 'exports', 'agent', 'folder'] as const;
export type Place = (typeof PLACES)[number];

export interface Searched {
  /** The planted values: a printable description, and whether it is one of Recant's own secrets. */
  readonly planted: readonly { readonly name: string; readonly own: boolean }[];
  /** By place: indexes of the values found there, with the files. */
  readonly found: Readonly<Record<Place, ReadonlyMap<number, readonly string[]>>>;
  readonly bytes: number;
  readonly files: number;
  /** Whether `recant parts show` returned a sealed value. */
  readonly unsealed: boolean;
}

/** Runs agents that use every value in every way, undoes their work, exports, stops, and searches everything that was written. */
export async function runCampaign(options: CampaignOptions): Promise<Searched> {
  await using stage = await setStage(options);
  const { target } = stage;
  await stage.recant(['connect', 'postgres', 'shop', '--agent-role', AGENT_ROLE], { env: { RECANT_CONNECT_URL: target.ownerUrl } });
  await stage.recant(['connect', 'filesystem', 'files', '--root', target.root, '--store', target.store]);
  await playAndUndo(stage, options);
  const unsealed = options.redaction && isPersonal(await readSealed(stage));
  await stage.recant(['acts']);
  await stage.recant(['status']);
  await exportAll(stage);
  await stage.end();
  return { ...(await searchAll(stage, options.seed)), unsealed };
}

async function playAndUndo(stage: Stage, { seed, redaction, every = 1 }: CampaignOptions): Promise<void> {
  const { brokers } = stage;
  const rules = redaction ? { personal: true } : ({ secrets: false } as const);
  for (const agent of [{ name: 'by-http' }, ...(brokers ? [{ name: 'by-kafka', brokers }] : [])]) {
    await stage.play({ ...agent, seed, every, redaction: rules });
    await untilClosed(stage, agent.name);
    await undo(stage, agent.name);
  }
}

async function searchAll(stage: Stage, seed: string): Promise<Omit<Searched, 'unsealed'>> {
  const { folder } = stage;
  await dumpRows(join(folder, 'recant', 'postgres'), join(folder, 'rows'));
  const secrets = corpus(seed).map(({ value, rule, key }, n) => ({
    name: `${n} ${rule}${key ? ` (${key})` : ''}`,
    value,
    own: false,
    allowed: [] as readonly string[],
  }));
  const planted = [...secrets, ...ownSecrets(stage).map((secret) => ({ ...secret, own: true }))];
  const search = new Search(needlesOf(planted.map(({ value }) => value)));
  const finds = await search.folder(folder, (path) => ![join(folder, 'target'), join(folder, READ)].includes(path));
  const unwanted = finds.filter(({ file, value }) => !planted[value]?.allowed.includes(relative(folder, file)));
  return {
    planted: planted.map(({ name, own }) => ({ name, own })),
    found: byPlace(unwanted, folder),
    bytes: search.bytes,
    files: search.files,
  };
}

/** Recant's own secrets, each with the files that may contain it. */
function ownSecrets({ made, target }: Stage): readonly { name: string; value: string; allowed: readonly string[] }[] {
  const password = (url: string): string => decodeURIComponent(new URL(url).password);
  const secretOf = (apiKey: string): string => apiKey.split('_').slice(2).join('_');
  const shown = join('logs', 'up.out');
  return [
    { name: 'the operator’s key', value: secretOf(made.operatorKey), allowed: [shown, join('recant', 'cli.json')] },
    { name: 'the agents’ key', value: secretOf(made.agentKey), allowed: [shown] },
    { name: 'the operator’s password', value: made.password, allowed: [shown] },
    { name: 'the target’s password', value: password(target.ownerUrl), allowed: [] },
    { name: 'the agents’ password of the target', value: password(target.agentUrl), allowed: [] },
  ];
}

const isPersonal = (text: string): boolean => corpus().some(({ kind, value }) => kind === 'personal' && text.includes(value));

async function readSealed(stage: Stage): Promise<string> {
  const listed = await stage.recant(['actions', 'list', '--tool', 'note', '--limit', '500', '--json']);
  const actions = [...new Set([...listed.matchAll(/"action":\s*"([0-9a-f-]{36})"/g)].map(([, action]) => action as string))];
  for (const action of actions) {
    const [, digest] = /recant parts show ([0-9a-f]{64})/.exec(await stage.recant(['actions', 'show', action])) ?? [];
    if (digest !== undefined) return stage.recant(['parts', 'show', digest], { place: READ });
  }
  throw new Error('nothing was sealed');
}

/** Waits until the ledger has read the agent's last event from Kafka: the close of its source. */
async function untilClosed(stage: Stage, agent: string): Promise<void> {
  await waitUntil(async () => {
    const { items } = JSON.parse(await stage.recant(['sources', '--json'])) as { items: { agent: string; state: string }[] };
    return items.some((source) => source.agent === agent && source.state === 'closed');
  });
}

/** Undoes everything that can be undone. Refusals of the target quote values. */
async function undo(stage: Stage, agent: string): Promise<void> {
  const planned = JSON.parse(await stage.recant(['plan', '--agent', agent, '--mode', 'skip', '--json'])) as { id: string };
  const { id: plan } = planned;
  await stage.recant(['plan', '--show', plan]);
  await stage.recant(['run', plan, '--yes'], { expected: 5 });
}

async function exportAll(stage: Stage): Promise<void> {
  const { counts } = JSON.parse(await stage.recant(['verify', '--json'])) as { counts: { entries: number } };
  let n = 0;
  await waitUntil(async () => {
    n += 1;
    const file = join(stage.folder, 'exports', `${n}.recant`);
    const written = JSON.parse(await stage.recant(['export', '--out', file, '--json'])) as { entries: string };
    return Number(written.entries) >= counts.entries;
  });
}

function byPlace(finds: readonly Find[], folder: string): Searched['found'] {
  const found = Object.fromEntries(PLACES.map((place) => [place, new Map<number, string[]>()])) as Record<Place, Map<number, string[]>>;
  for (const { file, value, form } of finds) {
    const path = relative(folder, file);
    const seen = found[placeOf(path)];
    const where = `${path} (${form})`;
    const all = seen.get(value) ?? [];
    if (!all.includes(where)) seen.set(value, [...all, where]);
  }
  return found;
}

function placeOf(path: string): Place {
  const [first, second = ''] = path.split(sep);
  if (first === 'recant') return second.startsWith('postgres') ? 'database' : second === 'kafka' ? 'broker' : 'folder';
  return PLACES.find((place) => place === first) ?? 'folder';
}
