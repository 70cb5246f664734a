import type { Rule } from '@recant/verifier';
import type { Chance } from './chance.ts';
import type { Draft, DraftLog, NoteSigner } from './draft.ts';

/** The attacker's material: a sound bundle of two logs, the first of the given size, and keys. */
export interface Stage {
  readonly size: number;
  readonly bytes: Buffer;
  readonly draft: Draft;
  /** The ledger's own key. With it any history can be signed; only an anchor detects that. */
  readonly ledgerKey: NoteSigner;
  /** A key of the ledger's name that the ledger did not make. */
  readonly foreignKey: NoteSigner;
  /** Another bundle of the same ledger, made a minute later. */
  readonly other: Buffer;
}

export interface SavedNote {
  readonly name: string;
  readonly note: Buffer;
  /** Milliseconds since 1970, UTC; absent: saved before the bundle. */
  readonly savedAtMs?: number;
}

/** A change to recorded entries, made three times: unsigned, signed again with a foreign key, signed again with the ledger's key. */
export interface EntryKind {
  readonly name: string;
  /** Minimum number of entries in the log. */
  readonly sizeMin: number;
  edit(log: DraftLog, chance: Chance, draft: Draft): void;
  /** Rules it may break where nothing is signed again. */
  readonly unsigned: readonly Rule[];
  /** Rules it may break with the ledger's own key, compared with anchors; absent where a ledger may legally write this. */
  readonly insider?: readonly Rule[];
}

/** A change to the file. */
export interface FileKind {
  readonly name: string;
  readonly sizeMin: number;
  make(stage: Stage, chance: Chance): Buffer | Promise<Buffer>;
  readonly rule: readonly Rule[];
  /** The saved checkpoints; default: every checkpoint of the sound bundle. */
  anchors?(stage: Stage): readonly SavedNote[];
}

/** An earlier checkpoint detects it, or the newest. */
export const TREE: readonly Rule[] = ['checkpoint_inconsistent', 'root_mismatch'];
/** An anchor after the change detects another history; without one, an anchor detects the missing end. */
export const ANCHOR: readonly Rule[] = ['anchor_differs', 'anchor_ahead'];
