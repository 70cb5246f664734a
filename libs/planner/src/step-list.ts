import type { Needs } from './conflicts/decide-by-timeline.ts';
import type { Overwrite, PlanStep, PlanStepHead, StepList } from './plan.ts';
import { plainRef } from './ref.ts';
import { knownOrdinals, stepSystems } from './steps.ts';
import { reachedBeyond, unknownBeside } from './unknown-effects.ts';
import type { Member, PlanInput } from './view.ts';

/** The steps that undo `members`, in this order. Each is made from its attempt when it is read. @param all every attempt of the plan */
export function stepList(
  members: readonly Member[],
  needs: ReadonlyMap<Member, Needs>,
  all: readonly Member[],
  overwrites: PlanInput['overwrites'] = new Map(),
): StepList {
  return new Steps(members, afterOf(members, needs), knownOrdinals(all), overwrites);
}

/** Numbers of the steps that come first, ascending, by place. Of `needs`, which is larger, nothing is kept. */
function afterOf(members: readonly Member[], needs: ReadonlyMap<Member, Needs>): readonly (readonly number[])[] {
  const numbers = new Map(members.map((member, at) => [member, at + 1]));
  return members.map((member) => {
    const { first } = needs.get(member) as Needs;
    return first.size === 0 ? NONE : [...first].map((other) => numbers.get(other) as number).sort((a, b) => a - b);
  });
}
const NONE: readonly number[] = [];

class Steps implements StepList {
  readonly #members: readonly Member[];
  readonly #after: readonly (readonly number[])[];
  readonly #known: ReadonlyMap<string, string>;
  readonly #overwrites: ReadonlyMap<string, readonly Overwrite[]>;

  constructor(
    members: readonly Member[],
    after: readonly (readonly number[])[],
    known: ReadonlyMap<string, string>,
    overwrites: ReadonlyMap<string, readonly Overwrite[]>,
  ) {
    this.#members = members;
    this.#after = after;
    this.#known = known;
    this.#overwrites = overwrites;
  }

  get length(): number {
    return this.#members.length;
  }

  *[Symbol.iterator](): Generator<PlanStep> {
    const known = (resource: string): string => this.#known.get(resource) as string;
    for (const [at, member] of this.#members.entries()) yield { ...this.#head(member, at), systems: stepSystems(member.effects, known) };
  }

  *heads(): Generator<PlanStepHead> {
    for (const [at, member] of this.#members.entries()) yield this.#head(member, at);
  }

  #head(member: Member, at: number): PlanStepHead {
    const { attempt, remains, cascaded, stays, changed, key } = member;
    const overwrites = this.#overwrites.get(key);
    return {
      step: at + 1,
      undoes: plainRef(attempt.ref),
      agent: attempt.agent,
      tool: attempt.tool,
      grade: attempt.grade,
      ...unknownOf(member),
      ...(remains !== undefined && { remains }),
      ...(cascaded && { cascaded }),
      ...(stays && { stays }),
      ...(changed && { changed }),
      ...(overwrites && { overwrites }),
      after: this.#after[at] as readonly number[],
    };
  }
}

function unknownOf({ attempt, effects }: Member): Pick<PlanStep, 'unknown'> {
  const unknown = [unknownBeside(attempt), reachedBeyond(effects)].filter((text) => text !== undefined);
  return unknown.length === 0 ? {} : { unknown: unknown.join(' ') };
}
