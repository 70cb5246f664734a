import { mkdtemp, rm, unlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEventCheck, type Verdict, verifyBundle } from '@recant/verifier';
import { type JavaVerdict, JavaVerifier } from './java.ts';
import type { Kept } from './kind.ts';

/** Pieces in which the TypeScript verifier gets a file. */
const PIECE_BYTES = 65_536;

/** Rules about an entry, for which both must name the same place. */
const PLACELESS = new Set(['format', 'version', 'truncated', 'trailing', 'statement_invalid', 'key_unknown', 'signature_invalid']);

export const VERIFIERS = ['TypeScript', 'Java'] as const;

/** What each called a bundle: a rule, or `sound`. */
export type Said = Readonly<Record<(typeof VERIFIERS)[number], string>>;

export interface Judged {
  readonly verdict: Verdict;
  readonly java: JavaVerdict;
  readonly said: Said;
  /** Absent where the two agree. */
  readonly difference?: string;
}

/** Both verifiers, side by side, over one file after the other. */
export class Judges {
  readonly #java = new JavaVerifier();
  readonly #folder: string;
  #files = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(): Promise<Judges> {
    return new Judges(await mkdtemp(join(tmpdir(), 'recant-tamper-')));
  }

  /** Writes anchors into a folder of their own. */
  async keep(kept: readonly Kept[]): Promise<string> {
    const folder = await mkdtemp(join(this.#folder, 'anchors-'));
    for (const { name, note, savedAtMs = 0 } of kept) {
      await writeFile(join(folder, name), note);
      await utimes(join(folder, name), 0, savedAtMs / 1_000);
    }
    return folder;
  }

  async judge(
    bytes: Buffer,
    keys: readonly string[] = [],
    anchors: { folder: string; kept: readonly Kept[] } | undefined = undefined,
  ): Promise<Judged> {
    this.#files += 1;
    const file = join(this.#folder, `${this.#files}.recant`);
    await writeFile(file, bytes);
    const [java, verdict] = await Promise.all([
      this.#java.verify(file, anchors?.folder, keys),
      verifyBundle(pieces(bytes), {
        events: createEventCheck(),
        ...(keys.length > 0 && { keys }),
        ...(anchors && { anchors: anchors.kept }),
      }),
    ]);
    await unlink(file);
    const difference = compare(verdict, java);
    const said = { TypeScript: verdict.sound ? 'sound' : verdict.rule, Java: nameOf(java) };
    return { verdict, java, said, ...(difference !== undefined && { difference }) };
  }

  async close(): Promise<void> {
    await this.#java.close();
    await rm(this.#folder, { recursive: true });
  }
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

/** A file that it could not read counts as neither sound nor caught. */
function nameOf({ sound, rule, error }: JavaVerdict): string {
  return sound === true ? 'sound' : (rule ?? `error: ${error}`);
}

function compare(verdict: Verdict, java: JavaVerdict): string | undefined {
  const ours = summary(verdict);
  const theirs = java.error ?? summary(java);
  return ours === theirs
    ? undefined
    : `TypeScript says ${ours}, Java ${theirs} (${verdict.sound ? '' : verdict.detail}; ${java.detail ?? ''})`;
}

function summary(verdict: Verdict | JavaVerdict): string {
  if (verdict.sound === true) return JSON.stringify([verdict.counts, verdict.warningCounts].map(sorted));
  const { rule = '', shard, index } = verdict as JavaVerdict;
  return PLACELESS.has(rule) ? rule : `${rule} at ${shard ?? '-'}/${index ?? '-'}`;
}

function sorted(counts: object | undefined): [string, unknown][] {
  return Object.entries(counts ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}
