import { CASES, KINDS } from './campaign.ts';
import { VERIFIERS } from './judge.ts';
import { isCaught, isNamed, type Outcome } from './outcome.ts';
import { PARTS, SIZES } from './rounds.ts';

/** Everything that was judged so far. */
export class Report {
  readonly #outcomes: Outcome[] = [];

  add(outcome: Outcome): void {
    this.#outcomes.push(outcome);
  }

  /** How far it is: the part of the bundle that was judged last. */
  progress(): string {
    const part = this.#outcomes.at(-1)?.part ?? '';
    const done = this.#outcomes.filter((outcome) => outcome.part === part).length;
    return `${part}: ${done} of ${PARTS.get(part)} bundles`;
  }

  complaints(): string[] {
    const missing = [...PARTS].flatMap(([part, bundles]) => {
      const judged = this.#outcomes.filter((outcome) => outcome.part === part).length;
      return judged === bundles ? [] : [`${part}: ${judged} of ${bundles} bundles were judged`];
    });
    return [...this.#outcomes.flatMap(({ complaint }) => complaint ?? []), ...missing, ...this.#unmet()];
  }

  /** Kinds for which no bundle of a size had room are named, not forgotten. */
  #unmet(): string[] {
    const met = new Set(this.#outcomes.map(({ kind, way }) => `${kind}, ${way}`));
    return CASES.map(({ kind, way }) => `${kind}, ${way}`).flatMap((row) => (met.has(row) ? [] : [`never met: ${row}`]));
  }

  /** What each kind was called, and how many bundles of each part each verifier caught and named. */
  tables(): string {
    const sizes = SIZES.map((size) => size.toLocaleString('en')).join(', ');
    const rows = [...PARTS.keys()].map((part) =>
      figuresOf(
        part,
        this.#outcomes.filter((outcome) => outcome.part === part),
      ),
    );
    const total = figuresOf('all', this.#outcomes);
    return [...kindRows(this.#outcomes), '', `${KINDS.length} kinds, sizes ${sizes}`, ...rows, total].join('\n');
  }
}

function kindRows(outcomes: readonly Outcome[]): string[] {
  const rows = new Map<string, Set<string>>();
  for (const { kind, way, said } of outcomes) {
    const row = `${kind} | ${way}`;
    rows.set(row, (rows.get(row) ?? new Set()).add(said.TypeScript));
  }
  return [...rows].map(([row, rules]) => `${row} | ${[...rules].join(', ')}`);
}

function figuresOf(part: string, outcomes: readonly Outcome[]): string {
  const tampered = outcomes.filter(({ expected }) => expected !== 'sound');
  const sound = outcomes.filter(({ expected }) => expected === 'sound');
  const byVerifier = VERIFIERS.map((verifier) => {
    const caught = tampered.filter(({ said }) => isCaught(said[verifier])).length;
    const named = tampered.filter(({ said, expected }) => isNamed(said[verifier], expected)).length;
    const alarms = sound.filter(({ said }) => said[verifier] !== 'sound').length;
    return `${verifier} caught ${caught}, named ${named}, false alarms ${alarms}`;
  });
  return `${part}: ${outcomes.length} bundles, ${tampered.length} tampered with, ${sound.length} sound | ${byVerifier.join(' | ')}`;
}
