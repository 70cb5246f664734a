import { mkdtemp, rm, unlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEventCheck, type Verdict, verifyBundle } from '@recant/verifier';
import { type JavaVerdict, JavaVerifier } from './java.ts';
import type { SavedNote } from './kind.ts';

/** Chunk size for the TypeScript verifier. */
const PIECE_BYTES = 65_536;

/** Rules for which the verifiers may name different places. */
const PLACELESS = new Set(['format', 'version', 'truncated', 'trailing', 'statement_invalid', 'key_unknown', 'signature_invalid']);

export const VERIFIERS = ['TypeScript', 'Java'] as const;

/** The verdict of each verifier: a rule, or `sound`. */
export type RulesByVerifier = Readonly<Record<(typeof VERIFIERS)[number], string>>;

export interface Judged {
  readonly verdict: Verdict;
  readonly java: JavaVerdict;
  readonly rules: RulesByVerifier;
  /** Absent where the verifiers agree. */
  readonly difference?: string;
}

/** Runs both verifiers on one file after the other. */
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

  /** Writes anchors into a new folder. @returns its path */
  async saveAnchors(saved: readonly SavedNote[]): Promise<string> {
    const folder = await mkdtemp(join(this.#folder, 'anchors-'));
    for (const { name, note, savedAtMs = 0 } of saved) {
      await writeFile(join(folder, name), note);
      await utimes(join(folder, name), 0, savedAtMs / 1_000);
    }
    return folder;
  }

  async judge(
    bytes: Buffer,
    keys: readonly string[] = [],
    anchors: { folder: string; saved: readonly SavedNote[] } | undefined = undefined,
  ): Promise<Judged> {
    this.#files += 1;
    const file = join(this.#folder, `${this.#files}.recant`);
    await writeFile(file, bytes);
    const [java, verdict] = await Promise.all([
      this.#java.verify(file, anchors?.folder, keys),
      verifyBundle(pieces(bytes), {
        events: createEventCheck(),
        ...(keys.length > 0 && { keys }),
        ...(anchors && { anchors: anchors.saved }),
      }),
    ]);
    await unlink(file);
    const difference = compare(verdict, java);
    const rules = { TypeScript: verdict.sound ? 'sound' : verdict.rule, Java: nameOf(java) };
    return { verdict, java, rules, ...(difference !== undefined && { difference }) };
  }

  async close(): Promise<void> {
    await this.#java.close();
    await rm(this.#folder, { recursive: true });
  }
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

/** An unreadable file counts as neither sound nor caught. */
function nameOf({ sound, rule, error }: JavaVerdict): string {
  return sound === true ? 'sound' : (rule ?? `error: ${error}`);
}

function compare(verdict: Verdict, java: JavaVerdict): string | undefined {
  const ours = summary(verdict);
  const theirs = java.error ?? summary(java);
  return ours === theirs
    ? undefined
    : `verifiers disagree: TypeScript ${ours} (${verdict.sound ? '' : verdict.detail}), Java ${theirs} (${java.detail ?? ''})`;
}

function summary(verdict: Verdict | JavaVerdict): string {
  if (verdict.sound === true) return JSON.stringify([verdict.counts, verdict.warningCounts, verdict.query].map(sorted)) + verdict.made;
  const { rule = '', shard, index } = verdict as JavaVerdict;
  return PLACELESS.has(rule) ? rule : `${rule} at ${shard ?? '-'}/${index ?? '-'}`;
}

function sorted(counts: object | undefined): [string, unknown][] {
  return Object.entries(counts ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}
