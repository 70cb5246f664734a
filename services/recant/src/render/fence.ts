import type { FenceBody } from '@recant/api';
import { count, type Paint, printable } from '../terminal/output.ts';
import { clockTime } from '../terminal/time.ts';
import { resourceText } from './resource.ts';

const STOPPED_COUNTED_MAX = 1_000;
const RESOURCES_PRINTED_MAX = 3;
const time = (at: string): string => clockTime(Date.parse(at));

export function fencesText(fences: readonly FenceBody[], paint: Paint): string {
  return fences.map((fence) => fenceText(fence, paint)).join('');
}

function fenceText(fence: FenceBody, paint: Paint): string {
  const { setAt, expiresAt, ended, by, reason, run, stopped } = fence;
  const end =
    ended === undefined
      ? `, until ${time(expiresAt)}`
      : `, ended ${time(ended.at)}${ended.by === undefined ? ', expired' : ` by ${printable(ended.by)}: ${printable(ended.reason ?? '')}`}`;
  const calls = stopped >= STOPPED_COUNTED_MAX ? `at least ${stopped} calls` : count(stopped, 'call');
  return [
    `${paint(ended === undefined ? 'red' : 'dim', ended === undefined ? 'fenced' : 'ended')}  ${callText(fence)}  since ${time(setAt)}${end}\n`,
    `  ${printable(by)}: ${printable(reason)}${run === undefined ? '' : ` (run ${run})`}\n`,
    `  stopped ${calls}${allowText(fence)}\n`,
    `  fence ${fence.fence}\n`,
  ].join('');
}

/** What is stopped: the tool, what it declares, whose calls. */
export function callText({ tool, resources, resourceCount, agent }: FenceBody): string {
  const shown = resources.slice(0, RESOURCES_PRINTED_MAX).map(resourceText).join(', ');
  const more = resourceCount > RESOURCES_PRINTED_MAX ? `, and ${resourceCount - RESOURCES_PRINTED_MAX} more` : '';
  const what = resourceCount === 0 ? 'with the same arguments' : `on ${shown}${more}`;
  return `${printable(tool)} ${what}${agent === undefined ? '' : ` by ${printable(agent)}`}`;
}

function allowText({ allow }: FenceBody): string {
  if (allow === undefined) return '';
  const given = `; one call allowed by ${printable(allow.by)}: ${printable(allow.reason)}`;
  return allow.used === undefined ? `${given}, not used yet` : `${given}, used ${time(allow.used.at)} by ${printable(allow.used.source)}`;
}
