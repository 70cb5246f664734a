/**
 * node test/histories/filesystem/checkout.ts FOLDER [--operations 2000] [--seed 1]: copies a checked-out repository, performs seeded operations on the copy through a shell tool
 * (watched, exclusive) and the handle, undoes all of it, and compares every byte, mode and name with the start. Exits 1 on a difference.
 */
import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { filesystemConnector, filesystemSystem } from '@recant/connector-filesystem';
import { type Random, randomOf } from '../random.ts';
import { readTree, type Tree, treeText } from './tree.ts';

const OPERATIONS_PER_ATTEMPT = 10;
type Files = ReturnType<typeof filesystemSystem>;
type Undoable = { readonly ref: Parameters<Files['capture']>[0]; readonly effects: unknown[] };

const filesOf = (tree: Tree): string[] => [...tree].flatMap(([path, { type }]) => (type === 'file' ? [path] : []));
const quoted = (path: string): string => `'${path.replaceAll("'", "'\\''")}'`;

/** One command of a shell tool. */
function commandOf(random: Random, files: readonly string[], n: number): string {
  const file = random.of(files);
  const at = quoted(file);
  const isGone = `[ -e ${at} ] || exit 0;`;
  return random.of([
    `${isGone} sed -i 's/a/b/g' ${at}`,
    `${isGone} echo line ${n} >> ${at}`,
    `${isGone} rm ${at}; mkdir -p restocked; echo ${n} > restocked/${n}`,
    `${isGone} mv ${at} ${quoted(`${file}.moved-${n}`)}`,
    `${isGone} chmod 600 ${at}`,
    `mkdir -p made/${n % 7} && echo ${n} > made/${n % 7}/file-${n}`,
    `${isGone} cp ${at} made-${n}`,
    'rm -rf made',
  ]);
}

async function byHandle(
  handle: Awaited<ReturnType<Files['capture']>>['handle'],
  random: Random,
  files: readonly string[],
  n: number,
): Promise<void> {
  const file = random.of(files);
  const work = random.of([
    () => handle.writeFile(file, `written ${n}`),
    () => handle.append(file, `appended ${n}`),
    () => handle.remove(file),
    () => handle.move(file, `${file}.by-handle-${n}`),
    () => handle.chmod(file, 0o640),
    () => handle.mkdir(`handled/${n}`, { recursive: true }),
  ]);
  await work().catch((error: { code?: string }) => {
    if (typeof error.code !== 'string') throw error;
  });
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { operations: { type: 'string', default: '2000' }, seed: { type: 'string', default: '1' } },
  });
  if (positionals[0] === undefined) throw new Error('usage: node test/histories/filesystem/checkout.ts FOLDER [--operations N] [--seed N]');
  const parent = await mkdtemp(join(tmpdir(), 'recant-checkout-'));
  const root = join(parent, 'root');
  await cp(positionals[0], root, { recursive: true, filter: (path) => !path.includes('/.git/') && !path.endsWith('/.git') });
  try {
    const before = await readTree(root);
    const started = performance.now();
    const attempts = await work(root, Number(values.operations), randomOf(Number(values.seed)));
    const worked = performance.now();
    const changed = treeText(await readTree(root)) !== treeText(before);
    const outcomes = await undo(root, attempts);
    const undone = performance.now();
    const isSame = treeText(await readTree(root)) === treeText(before);
    const effects = attempts.reduce((sum, attempt) => sum + attempt.effects.length, 0);
    process.stdout.write(
      `${before.size} entries, ${values.operations} operations, ${attempts.length} attempts, ${effects} effects in ${Math.round((worked - started) / 1_000)} s; undone in ${Math.round((undone - worked) / 1_000)} s: ${JSON.stringify(outcomes)}; ${isSame ? 'the same as before' : 'DIFFERENT'}\n`,
    );
    return isSame && changed ? 0 : 1;
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
}

async function work(root: string, operations: number, random: Random): Promise<Undoable[]> {
  const files = filesystemSystem({ name: 'repository', root, exclusive: ['.'] });
  const attempts: Undoable[] = [];
  for (let n = 0; n < operations; ) {
    const known = [...filesOf(await readTree(root)), 'first'];
    const isShell = random.chance(50);
    const ref = { source: 'recant://agent/1', action: `operation-${n}`, attempt: 1 };
    const capture = await files.capture(ref, isShell ? ['filesystem://repository/'] : []);
    for (let one = 0; one < OPERATIONS_PER_ATTEMPT && n < operations; one += 1, n += 1) {
      if (isShell) execFileSync('sh', ['-c', commandOf(random, known, n)], { cwd: root });
      else await byHandle(capture.handle, random, known, n);
    }
    const effects: unknown[] = [];
    for await (const effect of capture.settle()) effects.push(effect);
    await capture.release();
    attempts.push({ ref, effects });
  }
  await files.close();
  return attempts;
}

async function undo(root: string, attempts: readonly Undoable[]): Promise<Record<string, number>> {
  const target = await filesystemConnector.open({ name: 'repository', connector: 'filesystem', options: { root } });
  const outcomes: Record<string, number> = {};
  for (const [at, { ref, effects }] of [...attempts].reverse().entries()) {
    const attempt = { ...ref, source: 'recant://recant/1' };
    const step = { step: at + 1, attempt, undoes: ref, effects: effects as never, knownOrdinals: {} };
    const [result] = await target.invert({ run: 'run', token: '1', steps: [step] });
    const outcome = result?.outcome ?? 'none';
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    if (outcome === 'conflicted') process.stdout.write(`${JSON.stringify(result?.findings.slice(0, 3))}\n`);
  }
  await target.close();
  return outcomes;
}

process.exitCode = await main();
