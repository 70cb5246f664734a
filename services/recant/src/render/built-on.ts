import type { TaintView } from '@recant/api';
import { count, type Paint, printable } from '../terminal/output.ts';
import { actionTimeMs, clockTime } from '../terminal/time.ts';
import { resourceText } from './resource.ts';

type Taint = TaintView;

/** Groups of one summary. */
const GROUPS_SHOWN_MAX = 20;

/** What one attempt did with what is undone. */
export function builtOnLine({ agent, tool, resource, parts, ref, wrote }: Taint): string {
  const did = wrote ? 'changed' : 'read';
  return printable(
    `${agent} (tool ${tool}) ${did} ${resourceText(resource)} \`${parts.join('`, `')}\` at ${clockTime(actionTimeMs(ref.action))}`,
  );
}

/** Attempts that may have built on what is undone, by agent, tool and what they did; those that touched the most first. */
export function builtOnText(tainted: readonly Taint[], paint: Paint): string {
  if (tainted.length === 0) return '';
  const attempts = new Set(tainted.map(attemptOf));
  const groups = [...Map.groupBy(tainted, ({ agent, tool, wrote }) => JSON.stringify([agent, tool, wrote === true])).values()]
    .map((group) => ({ attempts: new Set(group.map(attemptOf)).size, group }))
    .sort((a, b) => b.group.length - a.group.length);
  const shown = groups.slice(0, GROUPS_SHOWN_MAX).map(({ attempts: own, group }) => {
    const [first] = group as [Taint, ...Taint[]];
    const what = first.wrote ? 'changed later' : 'read';
    const resources = new Set(group.map(({ resource }) => resource)).size;
    return `  ${printable(`${first.agent} (tool ${first.tool})`)}: ${count(own, 'attempt')} ${what} ${count(resources, 'row or file', 'rows and files')}, for one ${printable(resourceText(first.resource))}`;
  });
  const more = groups.length - shown.length;
  return [
    paint(
      'yellow',
      `May have built on what is undone: at least ${count(attempts.size, 'other attempt')}, which ${attempts.size === 1 ? 'stays' : 'stay'}:`,
    ),
    ...shown,
    ...(more > 0 ? [`  ... and ${count(more, 'more group')}`] : []),
  ].join('\n');
}

const attemptOf = ({ ref: { source, action, attempt } }: Taint): string => `${source} ${action} ${attempt}`;
