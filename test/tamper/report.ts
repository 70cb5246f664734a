import { CASES, KINDS } from './campaign.ts';
import { VERIFIERS } from './judge.ts';
import { isCaught, isNamed, type Outcome } from './outcome.ts';
import { PARTS, SIZES } from './rounds.ts';

/** Outcomes so far. */
export class Report {
  readonly #outcomes: Outcome[] = [];

  add(outcome: Outcome): void {
    this.#outcomes.push(outcome);
  }

  /** Progress of the part of the latest bundle. */
  progress(): string {
    const part = this.#outcomes.at(-1)?.part ?? '';
    const done = this.#outcomes.filter((outcome) => outcome.part === part).length;
    return `${part}: ${done} of ${PARTS.get(part)} bundles`;
  }

  failures(): string[] {
    const missing = [...PARTS].flatMap(([part, bundles]) => {
      const judged = this.#outcomes.filter((outcome) => outcome.part === part).length;
      return judged === bundles ? [] : [`${part}: expected ${bundles} bundles, verified ${judged}`];
    });
    return [...this.#outcomes.flatMap(({ failure }) => failure ?? []), ...missing, ...this.#uncovered()];
  }

  /** Cases that no bundle covered. */
  #uncovered(): string[] {
    const met = new Set(this.#outcomes.map(({ kind, signing }) => `${kind}, ${signing}`));
    return CASES.map(({ kind, signing }) => `${kind}, ${signing}`).flatMap((row) => (met.has(row) ? [] : [`not covered: ${row}`]));
  }

  /** Rules per kind, and how many bundles of each part each verifier caught and named. */
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
  for (const { kind, signing, rules: verdicts } of outcomes) {
    const row = `${kind} | ${signing}`;
    rows.set(row, (rows.get(row) ?? new Set()).add(verdicts.TypeScript));
  }
  return [...rows].map(([row, rules]) => `${row} | ${[...rules].join(', ')}`);
}

function figuresOf(part: string, outcomes: readonly Outcome[]): string {
  const tampered = outcomes.filter(({ expected }) => expected !== 'sound');
  const sound = outcomes.filter(({ expected }) => expected === 'sound');
  const byVerifier = VERIFIERS.map((verifier) => {
    const caught = tampered.filter(({ rules }) => isCaught(rules[verifier])).length;
    const named = tampered.filter(({ rules, expected }) => isNamed(rules[verifier], expected)).length;
    const alarms = sound.filter(({ rules }) => rules[verifier] !== 'sound').length;
    return `${verifier} caught ${caught}, named ${named}, false alarms ${alarms}`;
  });
  return `${part}: ${outcomes.length} bundles, ${tampered.length} tampered, ${sound.length} sound | ${byVerifier.join(' | ')}`;
}
