import type { Rule } from '@recant/verifier';
import { Chance } from './chance.ts';
import { copyDraft, type Draft, type DraftLog, rebuild, recordsOf, seal } from './draft.ts';
import type { Judges } from './judge.ts';
import type { EntryKind, FileKind, Kept, Stage } from './kind.ts';
import { CHECKPOINT_KINDS } from './kinds/checkpoints.ts';
import { ENTRY_KINDS } from './kinds/entries.ts';
import { FILE_KINDS, naive } from './kinds/files.ts';
import { FRAME_KINDS } from './kinds/frames.ts';
import { keptOf } from './stage.ts';

/** Where not everything was signed anew; by whose key, where it was. */
export type Way = 'as it is' | 'signed anew by a foreign key' | 'signed anew by the ledger’s key';

export interface Case {
  readonly kind: string;
  readonly way: Way;
  readonly sizeMin: number;
  readonly expected: readonly Rule[];
  make(stage: Stage, chance: Chance): Buffer | Promise<Buffer>;
  keep?(stage: Stage): readonly Kept[];
}

export interface Outcome {
  readonly kind: string;
  readonly way: Way;
  readonly size: number;
  /** What it was called. */
  readonly rule: string;
  /** What is wrong with that; absent where both verifiers caught it by a rule that was expected. */
  readonly complaint?: string;
}

export const CASES: readonly Case[] = [
  ...[...ENTRY_KINDS, ...FRAME_KINDS].flatMap(waysOf),
  ...[...FILE_KINDS, ...CHECKPOINT_KINDS].map(caseOf),
];
export const KINDS: readonly string[] = [...new Set(CASES.map(({ kind }) => kind))];

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

/** Every case that a bundle of this size has room for. */
export async function* runCases(judges: Judges, stage: Stage, seed: number, cases: readonly Case[] = CASES): AsyncGenerator<Outcome> {
  const kept = keptOf(stage);
  const folder = await judges.keep(kept);
  const sound = await judges.judge(stage.bytes, [stage.ledgerKey.vkey], { folder, kept });
  const outcome = { kind: 'nothing', way: 'as it is', size: stage.size, rule: 'sound' } as const;
  const complaint = sound.difference ?? (sound.verdict.sound ? undefined : sound.verdict.detail);
  yield { ...outcome, ...(complaint !== undefined && { complaint }) };
  for (const [n, each] of cases.entries()) {
    if (each.sizeMin > stage.size) continue;
    yield await runCase(judges, stage, each, new Chance(seed * 1_000 + n), { folder, kept });
  }
}

async function runCase(
  judges: Judges,
  stage: Stage,
  { kind, way, expected, make, keep }: Case,
  chance: Chance,
  anchors: { folder: string; kept: readonly Kept[] },
): Promise<Outcome> {
  const bytes = await make(stage, chance);
  const own = keep?.(stage);
  const compared = own === undefined ? anchors : { folder: await judges.keep(own), kept: own };
  const { verdict, java, difference } = await judges.judge(bytes, [stage.ledgerKey.vkey], compared);
  const rule = verdict.sound ? 'sound' : verdict.rule;
  const isExpected = !verdict.sound && expected.includes(verdict.rule);
  const wrong = isExpected
    ? undefined
    : `called ${rule}, not ${expected.join(' or ')} (${verdict.sound ? '' : verdict.detail}; Java: ${java.rule})`;
  const complaint = difference ?? wrong;
  return { kind, way, size: stage.size, rule, ...(complaint !== undefined && { complaint }) };
}
