import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { RUN_TABLE } from '../src/run-machine.ts';
import { STEP_TABLE } from '../src/step-machine.ts';

const SPEC = readFileSync(new URL('../SPEC.md', import.meta.url), 'utf8');

/** The first table of a section: target states by state and event. */
function tableOf(section: string): Record<string, Record<string, string | undefined>> {
  const [header = '', , ...lines] = (SPEC.split(`## ${section}\n`)[1] ?? '').split('\n');
  const cellsOf = (line: string) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  const [, ...events] = cellsOf(header);
  const rows = lines.slice(0, lines.indexOf('')).map(cellsOf);
  return Object.fromEntries(
    rows.map(([state = '', ...cells]) => [
      state,
      Object.fromEntries(events.map((event, at) => [event, cells[at] === '·' ? undefined : cells[at]])),
    ]),
  );
}

test('SPEC.md has exactly the transitions of the code, and both tables are total', () => {
  expect(tableOf('Run')).toEqual(RUN_TABLE);
  expect(tableOf('Step')).toEqual(STEP_TABLE);
  for (const table of [RUN_TABLE, STEP_TABLE]) {
    const events = Object.keys(Object.values(table)[0] ?? {});
    for (const cells of Object.values(table)) expect(Object.keys(cells)).toEqual(events);
  }
});
