import { recordsOf, sign, withRecords } from './bundle-file.ts';
import { Chance } from './chance.ts';
import { copyDraft, type Draft, type DraftLog, rebuild } from './draft.ts';
import type { Judges } from './judge.ts';
import type { EntryKind, FileKind, SavedNote, Stage } from './kind.ts';
import { CHECKPOINT_KINDS } from './kinds/checkpoints.ts';
import { ENTRY_KINDS } from './kinds/entries.ts';
import { FILE_KINDS } from './kinds/files.ts';
import { FRAME_KINDS } from './kinds/frames.ts';
import { type Expected, type Outcome, outcomeOf, type Signing } from './outcome.ts';
import { makeStage, savedOf } from './stage.ts';

export interface Case {
  readonly kind: string;
  readonly signing: Signing;
  readonly sizeMin: number;
  readonly expected: Expected;
  make(stage: Stage, chance: Chance): Buffer | Promise<Buffer>;
  anchors?(stage: Stage): readonly SavedNote[];
}

const NOTHING: Case = { kind: 'nothing', signing: 'unsigned', sizeMin: 1, expected: 'sound', make: ({ bytes }) => bytes };

const TAMPERED: readonly Case[] = [
  ...[...ENTRY_KINDS, ...FRAME_KINDS].flatMap(casesOf),
  ...[...FILE_KINDS, ...CHECKPOINT_KINDS].map(caseOf),
];
export const CASES: readonly Case[] = [...TAMPERED, NOTHING];
export const KINDS: readonly string[] = [...new Set(TAMPERED.map(({ kind }) => kind))];

function caseOf({ name, sizeMin, make, rule, anchors }: FileKind): Case {
  return { kind: name, signing: 'unsigned', sizeMin, expected: rule, make, ...(anchors && { anchors }) };
}

function casesOf({ name: kind, sizeMin, edit, unsigned: expected, insider }: EntryKind): Case[] {
  const edited = (stage: Stage, chance: Chance): Draft => {
    const draft = copyDraft(stage.draft);
    edit(draft.logs[0] as DraftLog, chance, draft);
    return draft;
  };
  const cases: Case[] = [
    { kind, signing: 'unsigned', sizeMin, expected, make: (stage, chance) => withRecords(stage.bytes, recordsOf(edited(stage, chance))) },
    {
      kind,
      signing: 'signed with a foreign key',
      sizeMin,
      expected: ['key_unknown'],
      make: (stage, chance) => signAgain({ ...edited(stage, chance), keys: [stage.foreignKey.vkey] }, stage.foreignKey),
    },
  ];
  if (insider !== undefined) {
    const make = (stage: Stage, chance: Chance) => signAgain(edited(stage, chance), stage.ledgerKey);
    cases.push({ kind, signing: 'signed with the ledger’s key', sizeMin, expected: insider, make });
  }
  return cases;
}

function signAgain(draft: Draft, key: Stage['ledgerKey']): Promise<Buffer> {
  for (const log of draft.logs) rebuild(log, key);
  return sign(draft, key);
}

/** Runs cases on bundles of one size. */
export class Trial {
  readonly #judges: Judges;
  readonly #stage: Stage;
  readonly #saved: readonly SavedNote[];
  readonly #folder: string;

  private constructor(judges: Judges, stage: Stage, saved: readonly SavedNote[], folder: string) {
    this.#judges = judges;
    this.#stage = stage;
    this.#saved = saved;
    this.#folder = folder;
  }

  static async open(judges: Judges, size: number): Promise<Trial> {
    const stage = await makeStage(size);
    const saved = savedOf(stage);
    return new Trial(judges, stage, saved, await judges.saveAnchors(saved));
  }

  get size(): number {
    return this.#stage.size;
  }

  /** @param seed reproduces the bundle */
  async run({ kind, signing, expected, make, anchors: savedFor }: Case, seed: number): Promise<Outcome> {
    const stage = this.#stage;
    const bytes = await make(stage, new Chance(seed));
    const own = savedFor?.(stage);
    const anchors =
      own === undefined ? { folder: this.#folder, saved: this.#saved } : { folder: await this.#judges.saveAnchors(own), saved: own };
    const judged = await this.#judges.judge(bytes, [stage.ledgerKey.vkey], anchors);
    return outcomeOf({ part: partOf(stage.size), kind, signing, expected }, `seed ${seed}`, judged);
  }
}

export function partOf(size: number): string {
  return `logs of ${size.toLocaleString('en')}`;
}
