import type { RecordedAttempt, RecordedEffect } from './ports.ts';

/** Tables named in one text. */
const TABLES_NAMED_MAX = 3;
/** Names that are listed in one text. */
const NAMES_MAX = 8;

/** Effects that an attempt with recorded effects may have beside them; undefined if there are none. */
export function unknownBeside(attempt: RecordedAttempt): string | undefined {
  return countedChanges(attempt) ?? unreported(attempt);
}

/** The targets settle what an attempt did to them, not what it did elsewhere. */
function unreported({ status, complete }: RecordedAttempt): string | undefined {
  if (status === 'unknown') return `Its outcome is unknown: ${ELSEWHERE}`;
  return complete ? undefined : `The recorded effects do not match the settlement of the attempt: ${ELSEWHERE}`;
}
const ELSEWHERE = 'only what its systems recorded by themselves is known.';

function countedChanges({ unknown = [] }: RecordedAttempt): string | undefined {
  if (unknown.length === 0) return undefined;
  const named = unknown.slice(0, TABLES_NAMED_MAX).map(({ table, changes }) => `${changes} in ${table}`);
  const more = unknown.length > TABLES_NAMED_MAX ? ` and ${unknown.length - TABLES_NAMED_MAX} more tables` : '';
  return `Changes without images, which cannot be undone: ${named.join(', ')}${more}.`;
}

/**
 * Why an attempt without a recorded effect may still have had one; undefined if it had none. Only a tool that reads, and a reversible tool, whose systems
 * record by themselves, can be without effect.
 */
export function unknownEffects(attempt: RecordedAttempt): string | undefined {
  const beside = unknownBeside(attempt);
  if (beside !== undefined) return beside;
  if (attempt.status !== 'succeeded') return undefined;
  if (attempt.reversibility === 'unknown')
    return 'The tool declared neither systems nor a reversibility, and no effect was recorded: it may have changed something.';
  if (attempt.reversibility === 'compensable') return 'The tool was declared compensable, and no effect with an inverse was recorded.';
  return undefined;
}

/** Names that these effects may have reached and nothing recorded, in words; undefined if there are none. */
export function reachedBeyond(effects: readonly RecordedEffect[]): string | undefined {
  const names = [...new Set(effects.flatMap(({ beyond = [] }) => beyond))];
  if (names.length === 0) return undefined;
  const more = names.length > NAMES_MAX ? ` and ${names.length - NAMES_MAX} more` : '';
  return `Changes under other names are unknown: ${names.slice(0, NAMES_MAX).join(', ')}${more}.`;
}
