import { createHash, randomUUID } from 'node:crypto';
import { lstatSync, readdirSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@recant/client';
import { filesystemConnector, filesystemSystem } from '@recant/connector-filesystem';
import { createRecant } from '@recant/sdk';
import { TestSource } from '../../services/ledger/test/producer.ts';
import { temporaryFolder, up } from '../../services/recant/test/process.ts';
import { describeMachine, type Figure, type Results, round } from './figures.ts';

const AGENT = 'bot';
const WRITES = 150;
const FILE_BYTES = 4_096;
const FOLDER_FILES = 200;
const WATCHED_FILES = 100_000;
const WATCHED_CHANGED = 10;
const UNDONE_FILES = 10_000;
/** A recorded write takes at most 1.5 times the same write with fsync and one acknowledged append. */
const WRITE_FLOOR = 0.667;
/** A watched capture takes less than 0.2 of reading all files. */
const WATCHED_FLOOR = 5;
/** An undo restores at least half the files a second that a copy, as durable, does. */
const UNDO_FLOOR = 0.5;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** What recording and undoing files costs, beside the same work without Recant. `--events` limits the number of files. */
export async function benchFilesystem({ events }: { events: number }): Promise<Results> {
  const parent = await mkdtemp(join(tmpdir(), 'recant-bench-files-'));
  try {
    const write = await recordedWrite(parent);
    const watched = await watchedCapture(parent, Math.min(events, WATCHED_FILES));
    const undo = await undoOf(parent, Math.min(events, UNDONE_FILES));
    return { name: 'filesystem', machine: describeMachine(), figures: [...write, ...watched, ...undo] };
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
}

/** In turns, so that both meet the same load. */
async function recordedWrite(parent: string): Promise<Figure[]> {
  const root = join(parent, 'written');
  await mkdir(root);
  const folder = await temporaryFolder();
  const service = await up(folder.path);
  const { url } = JSON.parse(await readFile(join(folder.path, '.recant', 'cli.json'), 'utf8')) as { url: string };
  const apiKey = /agents\s+(recant_\S+)/.exec(service.out)?.[1] ?? '';
  const files = filesystemSystem({ name: 'written', root });
  const recant = createRecant({ url, apiKey, agent: AGENT, systems: [files] });
  const client = createClient({ url, apiKey });
  const source = new TestSource(AGENT);
  await client.submitEvent(source.opened());
  const [plain, recorded]: [number[], number[]] = [[], []];
  for (let write = 0; write < WRITES * 1.2; write += 1) {
    const content = Buffer.alloc(FILE_BYTES, String(write));
    const bare = await timed(async () => {
      await writeDurably(join(root, `plain-${write % 10}`), content);
      await client.submitEvent(source.intended().bytes);
    });
    const own = await timed(() =>
      recant.action('write', { write }, (context) => context.on(files).writeFile(`file-${write % 10}`, content)),
    );
    if (write < WRITES * 0.2) continue;
    plain.push(bare);
    recorded.push(own);
  }
  await recant.close();
  await files.close();
  await service.end('SIGTERM');
  await folder.remove();
  return [
    { metric: 'write of 4 KiB, fsync, one acknowledged append: p50', value: round(median(plain), 2), unit: 'ms' },
    {
      metric: 'recorded write of 4 KiB by the handle: p50',
      value: round(median(recorded), 2),
      unit: 'ms',
      limit: round(median(plain), 2),
      ratio: round(median(plain) / median(recorded), 3),
      floor: WRITE_FLOOR,
    },
  ];
}

async function writeDurably(path: string, content: Uint8Array): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

const nameOf = (file: number): string => `${Math.floor(file / FOLDER_FILES)}/${file}`;

async function layOut(root: string, files: number): Promise<void> {
  for (let file = 0; file < files; file += 1) {
    if (file % FOLDER_FILES === 0) await mkdir(join(root, String(file / FOLDER_FILES)), { recursive: true });
    await writeFile(join(root, nameOf(file)), Buffer.alloc(FILE_BYTES, `${file} `));
  }
}

async function watchedCapture(parent: string, files: number): Promise<Figure[]> {
  const root = join(parent, 'watched');
  await layOut(root, files);
  const system = filesystemSystem({ name: 'watched', root });
  const capture = async (action: string, tool: () => Promise<void>) => {
    const taken = await system.capture({ source: 'recant://bench/1', action, attempt: 1 }, ['filesystem://watched/']);
    await tool();
    let effects = 0;
    for await (const _ of taken.settle()) effects += 1;
    return effects;
  };
  const first = await timed(() => capture('first', async () => undefined));
  // Files that changed within two seconds before they were read are read once more.
  await timed(() => capture('second', async () => undefined));
  let changed = 0;
  const watched = await timed(async () => {
    changed = await capture('third', async () => {
      for (let file = 0; file < WATCHED_CHANGED; file += 1) await writeFile(join(root, nameOf((file * 997) % files)), `changed ${file}`);
    });
  });
  const full = await timed(() => readAll(root));
  await system.close();
  const unit = 'ms';
  return [
    { metric: `first capture of ${files} files, with images`, value: round(first), unit },
    { metric: `reading and hashing ${files} files`, value: round(full), unit },
    {
      metric: `watched capture, ${changed} files changed`,
      value: round(watched),
      unit,
      limit: round(full),
      ratio: round(full / watched, 3),
      floor: WATCHED_FLOOR,
    },
  ];
}

/** A full scan: lstat, read and SHA-256 of every file. */
async function readAll(root: string): Promise<void> {
  for (const path of readdirSync(root, { recursive: true }) as string[]) {
    const at = join(root, path);
    if (lstatSync(at).isFile())
      createHash('sha256')
        .update(await readFile(at))
        .digest();
  }
}

async function undoOf(parent: string, files: number): Promise<Figure[]> {
  const root = join(parent, 'undone');
  await layOut(root, files);
  const [bare, durable] = [join(parent, 'bare'), join(parent, 'durable')];
  for (const folder of [bare, durable])
    for (let file = 0; file < files; file += FOLDER_FILES) await mkdir(join(folder, String(file / FOLDER_FILES)), { recursive: true });
  const system = filesystemSystem({ name: 'undone', root, exclusive: ['.'] });
  const ref = { source: 'recant://bench/1', action: randomUUID(), attempt: 1 };
  const capture = await system.capture(ref, ['filesystem://undone/']);
  for (let file = 0; file < files; file += 1) await writeFile(join(root, nameOf(file)), Buffer.alloc(FILE_BYTES, `changed ${file} `));
  const effects = [];
  for await (const effect of capture.settle()) effects.push(effect);
  await system.close();
  const copied = await timed(async () => {
    for (let file = 0; file < files; file += 1) await copyFile(join(root, nameOf(file)), join(bare, nameOf(file)));
  });
  const synced = await timed(async () => {
    for (let file = 0; file < files; file += 1) await writeDurably(join(durable, nameOf(file)), await readFile(join(root, nameOf(file))));
  });
  const target = await filesystemConnector.open({ name: 'undone', connector: 'filesystem', options: { root } });
  const step = { step: 1, attempt: { ...ref, action: randomUUID() }, undoes: ref, effects, knownOrdinals: {} };
  let outcome = '';
  const undone = await timed(async () => {
    outcome = (await target.invert({ run: 'bench', token: '1', steps: [step] }))[0]?.outcome ?? '';
  });
  await target.close();
  if (outcome !== 'restored') throw new Error(`expected restored, got ${outcome}`);
  const rate = (ms: number) => round((files / ms) * 1_000);
  return [
    { metric: `copy of ${files} files without fsync`, value: rate(copied), unit: 'files/s' },
    { metric: `copy of ${files} files with fsync`, value: rate(synced), unit: 'files/s' },
    {
      metric: `undo of ${files} file changes (durable)`,
      value: rate(undone),
      unit: 'files/s',
      limit: rate(synced),
      ratio: round(synced / undone, 3),
      floor: UNDO_FLOOR,
    },
    { metric: 'undo / copy without fsync', value: round(copied / undone, 3), unit: '' },
  ];
}
