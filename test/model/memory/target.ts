/**
 * A captured database in memory: what its rows are now, and every change of them with its login. An inverse obeys the guard of the design: it writes a part only
 * if the part is as the attempt left it and nobody else has written it since the attempt's first write, it is one transaction a step, and it takes effect once.
 */
import { createHash } from 'node:crypto';
import {
  ConnectorError,
  type Finding,
  type InverseBatch,
  type InverseResult,
  type InverseStep,
  type RehearsedStep,
  type TargetSystem,
} from '@recant/connector';
import type { AttemptRef, Effect } from '@recant/events';
import { isDerived, isRestorable } from '../../histories/parts.ts';
import type { Ordered } from '../../histories/play.ts';
import type { Cells } from '../../histories/record.ts';
import { type TableModel, tableOf } from '../../histories/schema.ts';
import { type RowId, tableOfRow } from './database.ts';

export const SYSTEM = 'shop';
const EXISTS = 'exists';
const CONNECTOR = 'postgres';

/** One captured change of one row. */
interface Change {
  readonly ordinal: number;
  readonly row: RowId;
  readonly before: Cells | undefined;
  readonly after: Cells | undefined;
  /** Columns that it wrote, derived ones aside; `exists` where the row came or went. */
  readonly parts: readonly string[];
  readonly login: string;
  /** Key of the attempt that its transaction named, or that the transaction is. Undefined: somebody else. */
  readonly attempt: string | undefined;
  readonly isInverse: boolean;
  /** The row lives on under another key, or came from one. */
  readonly isMoved: boolean;
}

const keyOf = ({ source, action, attempt }: AttemptRef): string => `${source} ${action} ${attempt}`;
export const resourceOf = (row: RowId): string => `${CONNECTOR}://${SYSTEM}/public.${row.replace('|', '/')}`;

const versions = new Map<string, string>();
/** Of a value: equal values have one version. */
function versionOf(value: string | null): string {
  const text = JSON.stringify(value);
  const known = versions.get(text) ?? `v1.${createHash('sha256').update(text).digest('base64url').slice(0, 22)}`;
  versions.set(text, known);
  return known;
}
const THERE = versionOf('there');

const partIn = (cells: Cells | undefined, part: string): string | null => {
  if (cells === undefined) return null;
  return part === EXISTS ? THERE : versionOf(cells.get(part) ?? null);
};

/** As the drain reports it. */
function effectOf({ row, before, after, parts, ordinal }: Change): Effect {
  const operation = before === undefined ? 'insert' : after === undefined ? 'delete' : 'update';
  return {
    resource: resourceOf(row),
    operation,
    ordinal: String(ordinal),
    parts: Object.fromEntries(parts.map((part) => [part, { before: partIn(before, part), after: partIn(after, part) }])),
    ...(operation === 'update' && { reads: { [EXISTS]: THERE } }),
    compensation: { connector: CONNECTOR, images: [`change/${ordinal}`] },
  };
}

interface Mark {
  readonly run: string;
  readonly result: InverseResult;
}

/** What one inverse would do. */
interface Undone {
  readonly result: InverseResult;
  readonly rows: ReadonlyMap<RowId, Cells | undefined>;
}

export class Target implements TargetSystem {
  readonly name = SYSTEM;
  readonly connector = CONNECTOR;
  readonly rows: Map<RowId, Cells>;
  /** Calls of each step that wrote: at most one. */
  readonly writes = new Map<string, number>();
  /** Called before a batch is inverted: what happens between the test of a run and its first write. */
  onInvert: () => void = () => undefined;
  #changes: Change[] = [];
  #undone = new Set<string>();
  #marks: Mark[] = [];
  #ordinal = 0;
  #tokenMax = 0n;

  constructor(rows: ReadonlyMap<RowId, Cells>) {
    this.rows = new Map(rows);
  }

  fork(): Target {
    const copy = new (this.constructor as new (rows: ReadonlyMap<RowId, Cells>) => Target)(this.rows);
    copy.#changes = [...this.#changes];
    copy.#undone = new Set(this.#undone);
    copy.#marks = [...this.#marks];
    copy.#ordinal = this.#ordinal;
    return copy;
  }

  /** A transaction has committed. @returns its effects as the drain reports them */
  capture(effects: readonly Ordered[], login: string, attempt: AttemptRef | undefined): readonly Effect[] {
    const moves = new Set(effects.filter(({ moved }) => moved).map(({ at }) => at));
    const changes = effects
      .filter((effect) => isRestorable(effect))
      .map(({ row, table, before, after, written, at, moved }): Change => {
        const isWhole = before === undefined || after === undefined;
        const own = [...written].filter((column) => !isDerived(tableOf(table), column));
        this.#ordinal += 1;
        return {
          ordinal: this.#ordinal,
          row,
          before,
          after,
          parts: isWhole ? [EXISTS, ...own] : own,
          login,
          attempt: attempt && keyOf(attempt),
          isInverse: false,
          isMoved:
            moved === true ||
            (moves.has(at) && before === undefined && effects.some((one) => one.at === at && one.moved && one.table === table)),
        };
      });
    this.#changes.push(...changes);
    return changes.filter(({ parts }) => parts.length > 0).map(effectOf);
  }

  /** A person's write, which the capture sees. */
  write(row: RowId, after: Cells | undefined, parts: readonly string[], login: string): void {
    const before = this.rows.get(row);
    this.#ordinal += 1;
    const ordinal = this.#ordinal;
    this.#changes.push({ ordinal, row, before, after, parts, login, attempt: undefined, isInverse: false, isMoved: false });
    put(this.rows, row, after);
  }

  async identity(): Promise<string> {
    return SYSTEM;
  }
  async probe(): Promise<never> {
    throw new ConnectorError('unreachable', 'not modelled');
  }
  async close(): Promise<void> {}

  async rehearse(steps: readonly RehearsedStep[]): Promise<readonly InverseResult[]> {
    const [rows, undone] = [new Map(this.rows), new Set(this.#undone)];
    return steps.map((step) => this.#undo(step, rows, undone, step.overwrites === 'any').result);
  }

  async invert({ run, token, steps }: InverseBatch): Promise<readonly InverseResult[]> {
    this.onInvert();
    this.#fence(token);
    return steps.map((step) => this.#marked(run, step.step) ?? this.#invert(run, step));
  }

  async applied(run: string, steps: readonly number[], token: string): Promise<readonly InverseResult[]> {
    this.#fence(token);
    return steps.flatMap((step) => this.#marked(run, step) ?? []);
  }

  #fence(token: string): void {
    if (BigInt(token) < this.#tokenMax) throw new ConnectorError('unreachable', 'fenced');
    this.#tokenMax = BigInt(token);
  }

  #marked = (run: string, step: number): InverseResult | undefined =>
    this.#marks.find((mark) => mark.run === run && mark.result.step === step)?.result;

  #invert(run: string, step: InverseStep): InverseResult {
    const before = new Map(this.rows);
    const { result, rows } = this.#undo(step, this.rows, this.#undone, false);
    if (result.outcome === 'conflicted') return result;
    const key = `${run} ${step.step}`;
    if (rows.size > 0) this.writes.set(key, (this.writes.get(key) ?? 0) + 1);
    const changes = [...rows].map(([row, after]): Change => {
      this.#ordinal += 1;
      const old = before.get(row);
      const parts = partsBetween(tableOfRow(row), old, after);
      const common = { row, before: old, after, parts, login: 'recant', attempt: keyOf(step.attempt) };
      return { ...common, ordinal: this.#ordinal, isInverse: true, isMoved: false };
    });
    this.#changes.push(...changes);
    const recorded = { ...result, effects: changes.map(effectOf) };
    this.#marks.push({ run, result: recorded });
    return recorded;
  }

  /** One step on these rows, which it changes where nothing is in its way. */
  #undo(step: RehearsedStep, rows: Map<RowId, Cells>, undone: Set<string>, any: boolean): Undone {
    const attempt = keyOf(step.undoes);
    const stays = new Set(step.leaves);
    const own = this.#changes.filter((change) => change.attempt === attempt && !stays.has(resourceOf(change.row)));
    const written = new Map<RowId, Cells | undefined>();
    const findings: Finding[] = [];
    const accepted: Finding[] = [];
    for (const [row, changes] of Map.groupBy(own, (change) => change.row)) {
      const goal = goalOf(row, changes);
      const strangers = this.#changes.filter(
        (change) =>
          change.row === row && !change.isInverse && change.attempt !== attempt && !(change.attempt && undone.has(change.attempt)),
      );
      const guarded = guard(goal, rows.get(row), strangers, any ? 'any' : step.overwrites);
      findings.push(...guarded.findings);
      accepted.push(...guarded.accepted);
      if (guarded.active.length > 0) written.set(row, restored(goal, rows.get(row), guarded.active));
    }
    const after = new Map(rows);
    for (const [row, cells] of written) put(after, row, cells);
    findings.push(...brokenBy(written, after));
    const result = (outcome: InverseResult['outcome'], all: readonly Finding[]): InverseResult => ({
      step: step.step,
      outcome,
      findings: all,
      effects: [],
      residue: [],
    });
    if (findings.length > 0) return { result: result('conflicted', findings), rows: new Map() };
    for (const [row, cells] of written) put(rows, row, cells);
    if (step.leaves === undefined) undone.add(attempt);
    return { result: result(written.size > 0 ? 'restored' : 'already_undone', written.size > 0 ? accepted : []), rows: written };
  }
}

function put(rows: Map<RowId, Cells>, row: RowId, cells: Cells | undefined): void {
  if (cells === undefined) rows.delete(row);
  else rows.set(row, cells);
}

function partsBetween({ columns }: TableModel, before: Cells | undefined, after: Cells | undefined): string[] {
  const own = columns.filter(({ derived }) => !derived).map(({ name }) => name);
  if (before === undefined || after === undefined) return [EXISTS, ...own];
  return own.filter((column) => before.get(column) !== after.get(column));
}

/** What one row has to become again. */
interface Goal {
  readonly row: RowId;
  readonly parts: ReadonlyMap<string, { readonly before: string | null; after: string | null; readonly first: number }>;
  /** Before the first change of each column, derived ones included. */
  readonly cells: Map<string, string | null>;
  readonly image: Cells | undefined;
  readonly isMoved: boolean;
}

function goalOf(row: RowId, changes: readonly Change[]): Goal {
  const parts = new Map<string, { before: string | null; after: string | null; first: number }>();
  const cells = new Map<string, string | null>();
  for (const { before, after, parts: written, ordinal } of changes) {
    for (const { name, derived } of tableOfRow(row).columns)
      if (derived && !cells.has(name) && before && before.get(name) !== after?.get(name)) cells.set(name, before.get(name) ?? null);
    for (const part of written) {
      const known = parts.get(part);
      if (known) known.after = partIn(after, part);
      else {
        parts.set(part, { before: partIn(before, part), after: partIn(after, part), first: ordinal });
        if (part !== EXISTS) cells.set(part, before?.get(part) ?? null);
      }
    }
  }
  const image = changes.find(({ after }) => after === undefined)?.before;
  return { row, parts, cells, image, isMoved: changes.some((change) => change.isMoved) };
}

interface Guarded {
  /** Parts that have to be written. */
  readonly active: readonly string[];
  readonly findings: readonly Finding[];
  /** Later values that may be overwritten. */
  readonly accepted: readonly Finding[];
}

function guard(
  { row, parts, isMoved }: Goal,
  live: Cells | undefined,
  strangers: readonly Change[],
  overwrites: RehearsedStep['overwrites'],
): Guarded {
  const resource = resourceOf(row);
  const exists = parts.get(EXISTS);
  const goes = exists?.before === null;
  const isOutOfReach = isMoved || (live === undefined && typeof exists?.before !== 'string');
  const findings: Finding[] = [];
  const accepted: Finding[] = [];
  const lastOf = (part: string, first: number) =>
    strangers.findLast(
      (change) =>
        change.ordinal > first &&
        (change.parts.includes(EXISTS) || (part === EXISTS && goes ? change.parts.length > 0 : change.parts.includes(part))),
    );
  const active = [...parts].filter(([part, { before }]) => partIn(live, part) !== before).map(([part]) => part);
  const last = exists && lastOf(EXISTS, exists.first);
  if (goes && live === undefined && last?.isMoved && last.after === undefined)
    findings.push({ resource, part: EXISTS, code: 'later_write', detail: `Moved to another key by ${last.login}.` });
  for (const part of active) {
    const { after, first } = parts.get(part) as { after: string | null; first: number };
    const found = partIn(live, part);
    const write = lastOf(part, first);
    if (found === after && write === undefined) continue;
    const isMeant =
      write !== undefined &&
      !isOutOfReach &&
      (overwrites === 'any' ||
        overwrites?.some(
          (one) => one.resource === resource && one.part === part && one.version === found && write.ordinal <= Number(one.through),
        ));
    const writer = write && { who: write.login, ordinal: String(write.ordinal) };
    if (isMeant && writer)
      accepted.push({ resource, part, code: 'overwritten', detail: `Written later by ${writer.who}.`, expected: after, found, writer });
    else
      findings.push({ resource, part, code: found === after ? 'later_write' : 'drift', detail: 'Changed later.', expected: after, found });
  }
  return { active, findings, accepted };
}

/** Undefined: the row goes. A row that comes back has its derived columns as they were. */
function restored({ parts, cells, image }: Goal, live: Cells | undefined, active: readonly string[]): Cells | undefined {
  if (parts.get(EXISTS)?.before === null) return undefined;
  if (live === undefined) return new Map([...(image ?? []), ...cells]);
  return new Map([...live, ...active.filter((part) => part !== EXISTS).map((part) => [part, cells.get(part) ?? null] as const)]);
}

/** References and unique columns that these rows would break. */
function brokenBy(written: ReadonlyMap<RowId, Cells | undefined>, rows: ReadonlyMap<RowId, Cells>): Finding[] {
  const findings: Finding[] = [];
  const refuse = (row: RowId, part: string) =>
    findings.push({ resource: resourceOf(row), part, code: 'constraint', detail: `${row} ${part} breaks a constraint.` });
  for (const [row, cells] of rows) {
    const table = tableOfRow(row);
    for (const { name, references, unique } of table.columns) {
      const value = cells.get(name) ?? null;
      if (value === null) continue;
      const target = references && `${references.table}|${value}`;
      if (target !== undefined && (written.has(row) || written.has(target)) && !rows.has(target)) refuse(row, name);
      if (!unique || !written.has(row)) continue;
      for (const [other, others] of rows) if (other !== row && tableOfRow(other) === table && others.get(name) === value) refuse(row, name);
    }
  }
  return findings;
}
