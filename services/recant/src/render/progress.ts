import type { RunProgressView } from '@recant/api';
import { count, printable } from '../terminal/output.ts';

/** Characters of an id that name it among others of its kind. */
const ID_END = 6;

/** One line: how far a run is, and what it waits for. @param short with the end of the run's id, as tables show it */
export function progressText(progress: RunProgressView, short: boolean): string {
  const { run, state, steps, states, rowsLeft } = progress;
  const ended = states.ended ?? 0;
  const rows = rowsLeft === 0 ? '' : `, ${count(rowsLeft, 'row or file', 'rows and files')} to go`;
  const id = short ? `…${run.slice(-ID_END)}` : run;
  return `Run ${id}: ${state}, ${ended} of ${count(steps, 'step')}${outcomesText(progress)}${rows}${waitsText(progress)}`;
}

function outcomesText({ states: { stuck = 0 }, outcomes }: RunProgressView): string {
  const parts = Object.entries(outcomes).map(([outcome, steps]) => `${steps} ${outcome.replaceAll('_', ' ')}`);
  if (stuck > 0) parts.push(`${stuck} stuck`);
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

/** With the code of what blocks most stuck steps, which `run retry --where` takes. */
function waitsText({ waits: [wait], stuck: [found], alarm }: RunProgressView): string {
  if (wait === undefined) return alarm === undefined ? '' : `. Blocked: ${printable(alarm)}`;
  const code = wait.for === 'person' && found !== undefined ? ` (${printable(found.code)})` : '';
  return `. Waits: ${printable(wait.detail)}${code}`;
}
