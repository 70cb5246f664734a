import { access, constants, stat } from 'node:fs/promises';
import type { Anchor } from '@recant/ledger';
import type { Check, Finding } from './report.ts';

export interface EvidencePlaces {
  /** From the environment. */
  readonly anchors: readonly Anchor[];
  readonly anchorFolder: string | undefined;
  readonly witnesses: readonly { readonly name: string; readonly url: string }[];
}

/** Milliseconds for one anchor or witness. */
const ANSWER_MS_MAX = 5_000;
/** No log has it: an anchor that answers says that it has no checkpoint of it. */
const NO_ORIGIN = 'recant.invalid/doctor';
const RESTORE = 'Restore access to it. Recording goes on, but a rewritten ledger could not be noticed there.';

/** Anchors and witnesses of the environment. An anchor that is silent looks like success: recording goes on. */
export function checkPlaces({ anchors, anchorFolder, witnesses }: EvidencePlaces): Check {
  return {
    name: 'anchors',
    async run() {
      if (anchors.length === 0 && witnesses.length === 0)
        return {
          off: 'no anchor or witness is configured (RECANT_ANCHOR_DIR, RECANT_ANCHOR_S3_BUCKET, RECANT_WITNESSES): a rewritten ledger could not be noticed',
        };
      const found = await Promise.all([
        ...(anchorFolder === undefined ? [] : [folderFinding(anchorFolder)]),
        ...anchors.map(({ name, latest }) => finding(name, () => latest(NO_ORIGIN))),
        ...witnesses.map(({ name, url }) =>
          finding(name, () => fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(ANSWER_MS_MAX) })),
        ),
      ]);
      return { findings: found.flatMap((each) => each ?? []) };
    },
  };
}

async function folderFinding(folder: string): Promise<Finding | undefined> {
  if ((await stat(folder).catch(() => undefined)) === undefined) return undefined;
  const isWritable = await access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (isWritable) return undefined;
  return {
    subject: folder,
    detail: 'This user cannot write to the anchor folder.',
    action: `chown or chmod ${folder}; the service runs as its own user.`,
  };
}

async function finding(subject: string, ask: () => Promise<unknown>): Promise<Finding | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS_MAX / 1_000} s`)), ANSWER_MS_MAX);
  });
  try {
    await Promise.race([ask(), late]);
    return undefined;
  } catch (error) {
    const { message, cause } = error as Error & { cause?: { code?: string } };
    return { subject, detail: `${message}${cause?.code === undefined ? '' : ` (${cause.code})`}`, action: RESTORE };
  } finally {
    clearTimeout(timer);
  }
}
