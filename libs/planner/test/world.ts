import type { Effect } from '@recant/events';
import type { PlanInput, RecordedAttempt, RecordedEffect } from '../src/index.ts';

/** One write of a register, in the reference model: a stack per part, with the current value on top. */
export interface Entry {
  readonly attempt: string | undefined;
  readonly ordinal: number;
  readonly part: string;
  readonly before: string | null;
  readonly after: string | null;
}

export const SYSTEMS: ReadonlyMap<string, string> = new Map([['shop', 'postgres']]);

/** Registers written by attempts, or unrecorded (drift). Versions are the values themselves. */
export class World {
  readonly live = new Map<string, string | null>();
  readonly entries: Entry[] = [];
  readonly inverts = new Map<string, string>();
  ordinal = 0;

  write(attempt: string | undefined, part: string, after: string | null): void {
    const before = this.live.get(part) ?? null;
    this.live.set(part, after);
    this.entries.push({ attempt, ordinal: ++this.ordinal, part, before, after });
  }

  attempts(): readonly string[] {
    return [...new Set(this.entries.flatMap((entry) => entry.attempt ?? []))];
  }

  /** The ledger's records of this world; a part is `<row>.<column>`. */
  input(selected: ReadonlySet<string>, mode: PlanInput['mode'] = 'skip', change: Partial<RecordedAttempt> = {}): PlanInput {
    const names = [...new Set([...this.attempts(), ...this.inverts.keys()])];
    const attempts = names.map((name, at) =>
      attemptOf(name, at, {
        ...change,
        ...(this.inverts.has(name) ? { inverts: { ...refOf(this.inverts.get(name) as string), run: 'r', step: 1 } } : {}),
      }),
    );
    return {
      tenant: 't',
      mode,
      selection: { agents: ['a'] },
      vector: { 0: 100n },
      selected: attempts.filter((attempt) => selected.has(attempt.ref.action)),
      attempts,
      effects: this.entries.flatMap((entry, at) => (entry.attempt === undefined ? [] : [effectOf(entry, at)])),
      systems: SYSTEMS,
    };
  }
}

export function refOf(name: string) {
  return { source: 'recant://a/1', action: name, attempt: 1 };
}

export function attemptOf(name: string, at: number, change: Partial<RecordedAttempt> = {}): RecordedAttempt {
  return {
    ref: refOf(name),
    entry: { shard: 0, index: BigInt(at + 1) },
    agent: 'a',
    tool: 'write',
    status: 'succeeded',
    complete: true,
    reversibility: 'reversible',
    intendedAtMs: at,
    receivedAtMs: at,
    sequence: at + 1,
    keyId: 'key1',
    grade: 'claimed',
    registered: ['postgres://shop/*'],
    ...change,
  };
}

export function effect(
  name: string,
  ordinal: number,
  resource: string,
  parts: Effect['parts'],
  more: Partial<Effect> = {},
): RecordedEffect {
  return {
    resource,
    operation: 'update',
    ordinal: String(ordinal),
    parts,
    compensation: { connector: 'postgres', images: [] },
    attempt: refOf(name),
    entry: { shard: 0, index: BigInt(ordinal) },
    ...more,
  };
}

function effectOf(entry: Entry, at: number): RecordedEffect {
  const [row, column] = entry.part.split('.') as [string, string];
  return {
    ...effect(entry.attempt as string, entry.ordinal, `postgres://shop/public.t/${row}`, {
      [column]: { before: entry.before, after: entry.after },
    }),
    entry: { shard: 0, index: BigInt(at) },
  };
}
