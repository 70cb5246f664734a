import { naive, recordsOf, seal } from './bundle-file.ts';
import { Chance } from './chance.ts';
import { copyDraft, type Draft, type DraftLog, rebuild } from './draft.ts';
import type { Judges } from './judge.ts';
import type { EntryKind, FileKind, Kept, Stage } from './kind.ts';
import { CHECKPOINT_KINDS } from './kinds/checkpoints.ts';
import { ENTRY_KINDS } from './kinds/entries.ts';
import { FILE_KINDS } from './kinds/files.ts';
import { FRAME_KINDS } from './kinds/frames.ts';
import { type Expected, type Outcome, outcomeOf, type Way } from './outcome.ts';
import { keptOf, makeStage } from './stage.ts';

export interface Case {
  readonly kind: string;
  readonly way: Way;
  readonly sizeMin: number;
  readonly expected: Expected;
  make(stage: Stage, chance: Chance): Buffer | Promise<Buffer>;
  keep?(stage: Stage): readonly Kept[];
}

const NOTHING: Case = { kind: 'nothing', way: 'as it is', sizeMin: 1, expected: 'sound', make: ({ bytes }) => bytes };

const TAMPERED: readonly Case[] = [
  ...[...ENTRY_KINDS, ...FRAME_KINDS].flatMap(waysOf),
  ...[...FILE_KINDS, ...CHECKPOINT_KINDS].map(caseOf),
];
export const CASES: readonly Case[] = [...TAMPERED, NOTHING];
export const KINDS: readonly string[] = [...new Set(TAMPERED.map(({ kind }) => kind))];

function caseOf({ name, sizeMin, make, rule, keep }: FileKind): Case {
  return { kind: name, way: 'as it is', sizeMin, expected: rule, make, ...(keep && { keep }) };
}

function waysOf({ name: kind, sizeMin, edit, naive: expected, insider }: EntryKind): Case[] {
  const edited = (stage: Stage, chance: Chance): Draft => {
    const draft = copyDraft(stage.draft);
    edit(draft.logs[0] as DraftLog, chance, draft);
    return draft;
  };
  const cases: Case[] = [
    { kind, way: 'as it is', sizeMin, expected, make: (stage, chance) => naive(stage.bytes, recordsOf(edited(stage, chance))) },
    {
      kind,
      way: 'signed anew by a foreign key',
      sizeMin,
      expected: ['key_unknown'],
      make: (stage, chance) => sealAnew({ ...edited(stage, chance), keys: [stage.foreignKey.vkey] }, stage.foreignKey),
    },
  ];
  if (insider !== undefined) {
    const make = (stage: Stage, chance: Chance) => sealAnew(edited(stage, chance), stage.ledgerKey);
    cases.push({ kind, way: 'signed anew by the ledger’s key', sizeMin, expected: insider, make });
  }
  return cases;
}

function sealAnew(draft: Draft, key: Stage['ledgerKey']): Promise<Buffer> {
  for (const log of draft.logs) rebuild(log, key);
  return seal(draft, key);
}

/** Bundles of one size, tampered with case by case. */
export class Trial {
  readonly #judges: Judges;
  readonly #stage: Stage;
  readonly #kept: readonly Kept[];
  readonly #folder: string;

  private constructor(judges: Judges, stage: Stage, kept: readonly Kept[], folder: string) {
    this.#judges = judges;
    this.#stage = stage;
    this.#kept = kept;
    this.#folder = folder;
  }

  static async open(judges: Judges, size: number): Promise<Trial> {
    const stage = await makeStage(size);
    const kept = keptOf(stage);
    return new Trial(judges, stage, kept, await judges.keep(kept));
  }

  get size(): number {
    return this.#stage.size;
  }

  /** @param seed gives the same bundle again */
  async run({ kind, way, expected, make, keep }: Case, seed: number): Promise<Outcome> {
    const stage = this.#stage;
    const bytes = await make(stage, new Chance(seed));
    const own = keep?.(stage);
    const anchors = own === undefined ? { folder: this.#folder, kept: this.#kept } : { folder: await this.#judges.keep(own), kept: own };
    const judged = await this.#judges.judge(bytes, [stage.ledgerKey.vkey], anchors);
    return outcomeOf({ part: partOf(stage.size), kind, way, expected }, `seed ${seed}`, judged);
  }
}

export function partOf(size: number): string {
  return `logs of ${size.toLocaleString('en')}`;
}
