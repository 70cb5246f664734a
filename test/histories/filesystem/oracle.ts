/** What an undo must leave, computed from the recorded history alone. Imports no product code. */
import { type Item, PARTS, type Part, partValue, type Tree } from './tree.ts';

/** One write that a capture records, in the order of recording. */
export interface Write {
  /** Attempt whose capture recorded it. */
  readonly attempt: number;
  readonly path: string;
  readonly parts: readonly Part[];
  readonly before: Item | undefined;
  readonly after: Item | undefined;
  /** Somebody else may have made it. */
  readonly isAmbiguous: boolean;
}

export type Expected = 'restored' | 'already_undone' | 'conflicted';

/**
 * Mode `force`: what a step overwrites, by path and part: the value, and the number of the last recorded write of it by somebody else (-1: none). In a plan that is being
 * made it may be anything; in a run only what the plan names. Nothing is overwritten where another kind of thing is, or nothing.
 */
export type Overwrites = ReadonlyMap<string, { readonly value: string | undefined; readonly at: number }>;
const NOTHING: Overwrites = new Map();

interface Net {
  readonly before: string | undefined;
  readonly after: string | undefined;
  /** Position of the first write. */
  readonly first: number;
}

type Nets = ReadonlyMap<string, ReadonlyMap<Part, Net>>;

/** The state of an undo in progress. */
export class Oracle {
  readonly tree: Map<string, Item>;
  private readonly writes: readonly Write[];
  private readonly undone = new Set<number>();

  constructor(writes: readonly Write[], live: Tree) {
    this.writes = writes;
    this.tree = new Map(live);
  }

  copy(): Oracle {
    const copy = new Oracle(this.writes, this.tree);
    for (const at of this.undone) copy.undone.add(at);
    return copy;
  }

  /** What undoing the attributed writes of an attempt must give now; changes nothing. */
  expect(attempt: number, seen: Overwrites | 'any' = NOTHING): Expected {
    const nets = this.netsOf(attempt);
    if (nets === undefined) return 'conflicted';
    let [differing, atBefore] = [0, 0];
    for (const [path, parts] of nets) {
      for (const [part, { before, after }] of parts) {
        if (before !== after) differing += 1;
        if (before !== after && partValue(this.tree.get(path), part) === before) atBefore += 1;
      }
      if (!parts.has('exists') && this.tree.get(path)?.type === 'dir' && this.lastType(attempt, path) === 'file') return 'conflicted';
    }
    const contested = this.contested(attempt, nets);
    for (const [place, { value, at }] of contested) {
      const known = seen === 'any' ? { value, at } : seen.get(place);
      const path = place.slice(0, place.lastIndexOf(' '));
      if (known === undefined || known.value !== value || known.at < at || !this.isSameKind(attempt, path, nets)) return 'conflicted';
    }
    if (contested.size === 0 && differing > 0 && atBefore === differing) return 'already_undone';
    return this.breaksFolders(nets) ? 'conflicted' : 'restored';
  }

  /** What it would overwrite now. */
  overwrites(attempt: number): Overwrites {
    const nets = this.netsOf(attempt);
    return nets === undefined ? NOTHING : this.contested(attempt, nets);
  }

  /** Parts that are neither as before nor untouched since the attempt. */
  private contested(attempt: number, nets: Nets): Overwrites {
    const contested = new Map<string, { value: string | undefined; at: number }>();
    for (const [path, parts] of nets) {
      for (const [part, { before, after, first }] of parts) {
        const value = partValue(this.tree.get(path), part);
        const at = this.laterWrite(attempt, path, part, first);
        if (value === before && before !== after) continue;
        if (value !== after || at >= 0) contested.set(`${path} ${part}`, { value, at });
      }
    }
    return contested;
  }

  private isSameKind(attempt: number, path: string, nets: Nets): boolean {
    const type = this.tree.get(path)?.type;
    return type !== undefined && type === (this.lastType(attempt, path) ?? nets.get(path)?.get('exists')?.before);
  }

  /** Undoes it. */
  apply(attempt: number): void {
    for (const [path, parts] of this.netsOf(attempt) ?? []) {
      const item = this.itemAfter(path, parts);
      if (item === undefined) this.tree.delete(path);
      else this.tree.set(path, item);
    }
    this.end(attempt);
  }

  /** Its writes no longer count. */
  end(attempt: number): void {
    this.writes.forEach((write, at) => {
      if (write.attempt === attempt && !write.isAmbiguous) this.undone.add(at);
    });
  }

  pathsOf(attempt: number): readonly string[] {
    return [...(this.netsOf(attempt)?.keys() ?? [])];
  }

  private itemAfter(path: string, parts: ReadonlyMap<Part, Net>): Item | undefined {
    const live = this.tree.get(path);
    const value = (part: Part) => {
      const net = parts.get(part);
      return net === undefined ? partValue(live, part) : net.before;
    };
    const type = value('exists');
    if (type === undefined) return undefined;
    return { type: type as Item['type'], mode: Number(value('mode')), content: value('content') ?? '' };
  }

  /** Number of the last one by somebody else; -1: none. */
  private laterWrite(attempt: number, path: string, part: Part, first: number): number {
    return this.writes.findLastIndex(
      (write, at) =>
        at > first &&
        write.path === path &&
        write.parts.includes(part) &&
        !(write.attempt === attempt && !write.isAmbiguous) &&
        !this.undone.has(at),
    );
  }

  /** A folder that would go must be empty, a file that would come needs its folder. */
  private breaksFolders(nets: Nets): boolean {
    const after = new Map(this.tree);
    for (const [path, parts] of nets) {
      const item = this.itemAfter(path, parts);
      if (item === undefined) after.delete(path);
      else after.set(path, item);
    }
    return [...after.keys()].some((path) => path.includes('/') && after.get(path.slice(0, path.lastIndexOf('/')))?.type !== 'dir');
  }

  private lastType(attempt: number, path: string): string | undefined {
    return this.writes.findLast((write) => write.attempt === attempt && write.path === path && !write.isAmbiguous)?.after?.type;
  }

  /** Undefined: somebody else changed a part between two of its writes. */
  private netsOf(attempt: number): Nets | undefined {
    const nets = new Map<string, Map<Part, Net>>();
    for (const [at, write] of this.writes.entries()) {
      if (write.attempt !== attempt || write.isAmbiguous) continue;
      const parts = nets.get(write.path) ?? new Map<Part, Net>();
      nets.set(write.path, parts);
      for (const part of PARTS.filter((each) => write.parts.includes(each))) {
        const [before, after] = [partValue(write.before, part), partValue(write.after, part)];
        const net = parts.get(part);
        if (net !== undefined && net.after !== before) return undefined;
        parts.set(part, net === undefined ? { before, after, first: at } : { ...net, after });
      }
    }
    return nets;
  }
}
