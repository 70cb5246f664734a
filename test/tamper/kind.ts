import type { Rule } from '@recant/verifier';
import type { Chance } from './chance.ts';
import type { Draft, DraftLog, NoteSigner } from './draft.ts';

/** What somebody who tampers has in hand: a sound bundle of two logs, the first of the size in question, and keys. */
export interface Stage {
  readonly size: number;
  readonly bytes: Buffer;
  readonly draft: Draft;
  /** The ledger's own key: who has it can make any history, and only an anchor tells. */
  readonly ledgerKey: NoteSigner;
  /** Of the ledger's name, made by somebody else. */
  readonly foreignKey: NoteSigner;
  /** Another bundle of the same ledger, made a minute later. */
  readonly other: Buffer;
}

export interface Kept {
  readonly name: string;
  readonly note: Buffer;
  /** Milliseconds since 1970, UTC; left out: before everything. */
  readonly savedAtMs?: number;
}

/** A change of what was recorded. Made three times: as it is; with everything signed anew by a foreign key; and by the ledger's own. */
export interface EntryKind {
  readonly name: string;
  /** Entries that the log needs at least. */
  readonly sizeMin: number;
  edit(log: DraftLog, chance: Chance, draft: Draft): void;
  /** What both verifiers may call it where nothing is signed anew. */
  readonly naive: readonly Rule[];
  /** With the ledger's own key, against anchors; absent where it would be what a ledger may do. */
  readonly insider?: readonly Rule[];
}

/** A change of the file. */
export interface FileKind {
  readonly name: string;
  readonly sizeMin: number;
  make(stage: Stage, chance: Chance): Buffer | Promise<Buffer>;
  readonly rule: readonly Rule[];
  /** What was kept outside, where it is not every checkpoint of the sound bundle. */
  keep?(stage: Stage): readonly Kept[];
}

/** An earlier checkpoint sees it, or the newest. */
export const TREE: readonly Rule[] = ['checkpoint_inconsistent', 'root_mismatch'];
/** An anchor sees another history, or, where none stands behind the change, that the end is gone. */
export const ANCHOR: readonly Rule[] = ['anchor_differs', 'anchor_ahead'];
