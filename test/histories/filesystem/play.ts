/** Plays a script with the product, and records by looking at the folder what each capture has to record. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { stat, writeFile } from 'node:fs/promises';

import { type Directory, type FilesystemSystem, filesystemSystem } from '@recant/connector-filesystem';
import type { Write } from './oracle.ts';
import { perform } from './perform.ts';
import type { Actor, Op, Script } from './script.ts';
import { type Item, PARTS, type Part, partValue, readTree, type Tree } from './tree.ts';

type Capture = Awaited<ReturnType<FilesystemSystem['capture']>>;
type Ref = Parameters<FilesystemSystem['capture']>[0];
export type Effects = readonly (ReturnType<Capture['settle']> extends AsyncIterable<infer E> ? E : never)[];

export interface Attempt {
  readonly number: number;
  readonly actor: Actor;
  readonly ref: Ref;
  effects: Effects;
}

interface Running extends Attempt {
  readonly capture: Capture;
  /** What a declared path is compared with; undefined: the attempt declared nothing. */
  readonly expected: Map<string, Item> | undefined;
  /** Last write of each path as the attempt found it. */
  readonly serials: Map<string, number>;
  readonly shared: Set<string>;
  isOverlapped: boolean;
}

export interface History {
  readonly writes: readonly Write[];
  readonly attempts: readonly Attempt[];
  readonly tree: Tree;
}

export class Player {
  private readonly root: string;
  private readonly scratch: string;
  private readonly script: Script;
  private readonly child: ChildProcess;
  private readonly systems: ReadonlyMap<Actor, FilesystemSystem>;
  private readonly running = new Map<Actor, Running>();
  private readonly attempts: Attempt[] = [];
  private readonly writes: Write[] = [];
  /** Number of the last write of the content of each path. */
  private readonly serials = new Map<string, number>();
  private serial = 0;

  constructor(root: string, scratch: string, script: Script, child: ChildProcess) {
    this.root = root;
    this.scratch = scratch;
    this.script = script;
    this.child = child;
    const exclusive = script.isExclusive ? { exclusive: ['.'] } : {};
    this.systems = new Map(
      (['handle', 'watched', 'second'] as const).map((actor) => [actor, filesystemSystem({ name: 'notes', root, ...exclusive })]),
    );
  }

  async play(): Promise<History> {
    try {
      for (const turn of this.script.turns) {
        const { actor } = turn;
        if (turn.kind === 'open') await this.open(actor);
        else if (turn.kind === 'settle') await this.settle(actor);
        else if (turn.kind === 'do') await this.act(actor, turn.op);
      }
      return { writes: this.writes, attempts: this.attempts, tree: await readTree(this.root) };
    } finally {
      await Promise.all([...this.systems.values()].map((system) => system.close()));
    }
  }

  private async open(actor: Actor): Promise<void> {
    const number = this.attempts.length + this.running.size + 1;
    const ref = { source: `recant://${actor}/1`, action: `history-${this.script.seed}-${this.serial}-${number}`, attempt: 1 };
    const isWatched = actor !== 'handle';
    const capture = await (this.systems.get(actor) as FilesystemSystem).capture(ref, isWatched ? ['filesystem://notes/'] : []);
    const others = [...this.running.values()].filter(({ expected }) => expected !== undefined);
    if (isWatched) for (const other of others) other.isOverlapped = true;
    const expected = isWatched ? await readTree(this.root) : undefined;
    const started = { capture, expected, serials: new Map(this.serials), shared: new Set<string>(), isOverlapped: others.length > 0 };
    this.running.set(actor, { number: this.numberOf(ref), actor, ref, effects: [], ...started });
  }

  private readonly numbers = new Map<string, number>();
  private numberOf({ action }: Ref): number {
    this.numbers.set(action, this.numbers.size + 1);
    return this.numbers.size;
  }

  private async act(actor: Actor, op: Op): Promise<void> {
    await this.nextTick();
    const before = await readTree(this.root);
    const running = this.running.get(actor);
    if (actor === 'person' || actor === 'watched' || actor === 'second') {
      if (actor !== 'person' && running === undefined) return;
      if (await perform(this.root, op)) this.count(before, await readTree(this.root), op);
    } else if (actor === 'process') {
      this.child.send({ root: this.root, op });
      const [isDone] = await once(this.child, 'message');
      if (isDone) this.count(before, await readTree(this.root), op);
    } else if (running !== undefined) await this.handle(running, op, before);
  }

  private async handle(running: Running, op: Op, before: Tree): Promise<void> {
    if (op.kind === 'move' && (op.path === op.to || before.get(op.path)?.type === 'dir')) return;
    const failed = await performByHandle(running.capture.handle as Directory, op).then(
      () => false,
      (error: { code?: string }) => {
        if (typeof error.code !== 'string') throw error;
        return true;
      },
    );
    if (failed) return;
    const after = await readTree(this.root);
    this.count(before, after, op);
    for (const path of touched(before, after, op)) {
      const parts = partsOf(op, before.get(path), after.get(path));
      this.record({ attempt: running.number, path, parts, before: before.get(path), after: after.get(path), isAmbiguous: false });
    }
  }

  private async settle(actor: Actor): Promise<void> {
    const running = this.running.get(actor) as Running;
    const effects = [];
    for await (const effect of running.capture.settle()) effects.push(effect);
    await running.capture.release();
    this.running.delete(actor);
    const live = await readTree(this.root);
    for (const path of running.expected === undefined ? [] : [...new Set([...running.expected.keys(), ...live.keys()])].sort()) {
      const [before, after] = [running.expected?.get(path), live.get(path)];
      const parts = this.changedParts(running, path, before, after);
      if (parts.length === 0) continue;
      const isAmbiguous = !this.script.isExclusive || running.isOverlapped || running.shared.has(path);
      this.record({ attempt: running.number, path, parts, before, after, isAmbiguous });
    }
    this.attempts.push({ number: running.number, actor, ref: running.ref, effects });
  }

  private changedParts(running: Running, path: string, before: Item | undefined, after: Item | undefined): readonly Part[] {
    if (before?.type !== after?.type) return allParts(before, after);
    if (before === undefined || after === undefined) return [];
    const isShared = running.shared.has(path);
    const isRewritten = before.type === 'file' && (isShared || (running.serials.get(path) ?? 0) !== (this.serials.get(path) ?? 0));
    const parts = PARTS.filter((part) => partValue(before, part) !== partValue(after, part) || (part === 'content' && isRewritten));
    return parts.length === 0 && isShared ? allParts(before, after) : parts;
  }

  /** What is recorded is explained to every attempt that compares. */
  private record(write: Write): void {
    this.writes.push(write);
    for (const other of this.running.values()) {
      if (write.after === undefined) other.expected?.delete(write.path);
      else other.expected?.set(write.path, write.after);
      other.serials.set(write.path, this.serials.get(write.path) ?? 0);
      if (write.isAmbiguous) other.shared.add(write.path);
    }
  }

  private count(before: Tree, after: Tree, op: Op): void {
    for (const path of touched(before, after, op)) {
      if (op.kind === 'chmod' || op.kind === 'mkdir') continue;
      this.serial += 1;
      this.serials.set(path, this.serial);
    }
  }

  /** Waits until the file system's clock ticked, so that no two writes have the same time. */
  private async nextTick(): Promise<void> {
    const mtime = async () => {
      await writeFile(this.scratch, '');
      return (await stat(this.scratch)).mtimeMs;
    };
    const now = await mtime();
    while ((await mtime()) === now);
  }
}

function performByHandle(handle: Directory, op: Op): Promise<void> {
  if (op.kind === 'write') return handle.writeFile(op.path, op.content);
  if (op.kind === 'remove') return handle.remove(op.path, { recursive: true });
  if (op.kind === 'chmod') return handle.chmod(op.path, op.mode);
  return op.kind === 'move' ? handle.move(op.path, op.to) : handle.mkdir(op.path);
}

/** Paths that an operation wrote, also with equal values. */
function touched(before: Tree, after: Tree, op: Op): readonly string[] {
  const named = op.kind === 'move' ? [op.path, op.to] : [op.path];
  const beneath = [...before.keys(), ...after.keys()].filter((path) => op.kind === 'remove' && path.startsWith(`${op.path}/`));
  return [...new Set([...beneath, ...named])].filter((path) => before.has(path) || after.has(path));
}

function partsOf(op: Op, before: Item | undefined, after: Item | undefined): readonly Part[] {
  if (op.kind === 'chmod') return ['mode'];
  return op.kind === 'write' && before !== undefined ? ['content'] : allParts(before, after);
}

function allParts(before: Item | undefined, after: Item | undefined): readonly Part[] {
  return PARTS.filter((part) => partValue(before, part) !== undefined || partValue(after, part) !== undefined);
}
