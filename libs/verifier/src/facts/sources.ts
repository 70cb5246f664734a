import { FACT_BYTES, writePlace, writeRun } from './fact.ts';

/** Sources followed at once: beyond it all are written out as runs and begun anew. */
const SOURCES_MAX = 4_096;

interface Run {
  first: number;
  last: number;
  readonly shard: number;
  readonly index: number;
}

/** Follows the numbers that each source gives, as runs without holes: one fact a run, not one an event. */
export class SourceRuns {
  #runs = new Map<string, Run>();
  #done: Buffer[] = [];

  /** @returns whether the source was not followed before: it wants to be looked at. */
  add(source: string, sequence: number, shard: number, index: number): boolean {
    const run = this.#runs.get(source);
    if (run !== undefined && run.shard === shard) {
      if (sequence === run.last + 1) run.last = sequence;
      else if (sequence < run.first || sequence > run.last) {
        this.#end(source, run);
        this.#runs.set(source, { first: sequence, last: sequence, shard, index });
      }
      return false;
    }
    if (run !== undefined) this.#end(source, run);
    else if (this.#runs.size >= SOURCES_MAX) this.#endAll();
    this.#runs.set(source, { first: sequence, last: sequence, shard, index });
    return true;
  }

  /** Facts of runs that ended. */
  take(): readonly Buffer[] {
    const done = this.#done;
    this.#done = [];
    return done;
  }

  finish(): readonly Buffer[] {
    this.#endAll();
    return this.take();
  }

  #endAll(): void {
    for (const [source, run] of this.#runs) this.#end(source, run);
    this.#runs = new Map();
  }

  #end(source: string, { first, last, shard, index }: Run): void {
    const fact = Buffer.allocUnsafe(FACT_BYTES);
    writeRun(fact, 0, source, first, last);
    writePlace(fact, 0, shard, index);
    this.#done.push(fact);
  }
}
