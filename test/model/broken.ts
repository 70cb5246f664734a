/** Targets that are broken on purpose, to see that the check notices it. */
import type { InverseBatch, InverseResult, RehearsedStep } from '@recant/connector';
import { Target } from './memory/target.ts';

/** What a person wrote is not in the capture. */
class WithoutPeople extends Target {
  override capture(...[effects, login, attempt]: Parameters<Target['capture']>): ReturnType<Target['capture']> {
    return attempt === undefined ? [] : super.capture(effects, login, attempt);
  }
}

/** It says that it restored a row, and did not. */
class Idle extends Target {
  override async invert(batch: InverseBatch): Promise<readonly InverseResult[]> {
    const before = new Map(this.rows);
    const results = await super.invert(batch);
    const changed = [...before].find(([row, cells]) => this.rows.get(row) !== cells);
    if (changed) this.rows.set(...changed);
    return results;
  }
}

/** Each write takes effect twice. */
class Twice extends Target {
  override async invert(batch: InverseBatch): Promise<readonly InverseResult[]> {
    const results = await super.invert(batch);
    for (const [step, writes] of this.writes) this.writes.set(step, 2 * writes);
    return results;
  }
}

/** It calls the first step a conflict, and nothing is in its way. */
class Timid extends Target {
  override async rehearse(steps: readonly RehearsedStep[]): Promise<readonly InverseResult[]> {
    const [first, ...more] = await super.rehearse(steps);
    if (first === undefined) return [];
    const finding = { code: 'drift', resource: steps[0]?.effects[0]?.resource ?? '', part: 'exists', detail: 'invented' } as const;
    return [{ ...first, outcome: 'conflicted', findings: [finding] }, ...more];
  }
}

export const BROKEN: ReadonlyMap<string, () => Target> = new Map([
  ["a person's writes are not captured", () => new WithoutPeople(new Map())],
  ['a row is called restored and is not', () => new Idle(new Map())],
  ['an inverse takes effect twice', () => new Twice(new Map())],
  ['a conflict is invented', () => new Timid(new Map())],
]);
