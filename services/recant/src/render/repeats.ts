import type { PlanRepeatsBody, SameCallBody } from '@recant/api';
import { count, type Paint, printable } from '../terminal/output.ts';
import { clockTime } from '../terminal/time.ts';

/** Attempts of one plan that are listed; the rest is counted. */
const SHOWN_MAX = 20;

/** Selected attempts that are probably repeats, and how many could not be compared; empty where there is nothing to say. */
export function repeatsText(repeats: PlanRepeatsBody, paint: Paint): string {
  const lines = repeatLines(repeats);
  // None among the first ones is no answer about the others.
  if (lines.length === 0 && !repeats.more) return '';
  const hidden = lines.length - SHOWN_MAX;
  const shown = [
    ...lines.slice(0, SHOWN_MAX).map(printable),
    ...(lines.length === 0 ? ['none found'] : []),
    ...(hidden > 0 ? [`... and ${hidden} more (GET /v1/plans/PLAN/repeats has all)`] : []),
    ...notesOf(repeats),
  ];
  return `${[paint('yellow', 'Probable repeats:'), ...shown.map((line) => `  ${line}`)].join('\n')}\n`;
}

/** One line for each attempt. */
export function repeatLines({ items }: PlanRepeatsBody): readonly string[] {
  return items.map(
    ({ agent, tool, receivedAt, action, same: [nearest, ...others] }) =>
      `${agent}'s ${tool} (${clockTime(Date.parse(receivedAt))}, action ${action}): ${sameText(nearest as SameCallBody, agent)}${others.length === 0 ? '' : `, and ${others.length} more`}; ${ADVICE}`,
  );
}

/** Of one attempt of `actions show`. */
export function repeatLinesOf(repeats: readonly SameCallBody[], agent: string): readonly string[] {
  return repeats.map((call) => `  ${sameText(call, agent)}; ${ADVICE}`);
}

const ADVICE = 'probably a repeat: check whether both took effect';

function sameText({ action, agent, gapMs, status }: SameCallBody, own: string): string {
  return `the same call as ${agent === own ? '' : `${agent}'s `}${action} ${gapText(Math.abs(gapMs))} ${gapMs > 0 ? 'later' : 'before'} (${status})`;
}

function gapText(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  const seconds = Math.round(ms / 1_000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

function notesOf({ incomparable, more, compared }: PlanRepeatsBody): readonly string[] {
  return [
    ...(incomparable === 0 ? [] : [`Not compared: ${count(incomparable, 'attempt')} of which the record does not tell the arguments.`]),
    ...(more ? [`Only the first ${compared + incomparable} were compared: narrow the selection for the others.`] : []),
  ];
}
