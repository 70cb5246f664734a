import { type Paint, printable } from '../terminal/output.ts';

interface Shown {
  readonly check: string;
  readonly state: string;
  readonly findings: readonly { readonly subject: string; readonly detail: string; readonly action: string }[];
  readonly notes: readonly string[];
  readonly reason?: string;
}

const COLOURS: Readonly<Record<string, 'green' | 'red' | 'yellow' | 'dim'>> = {
  ok: 'green',
  found: 'red',
  unchecked: 'yellow',
  off: 'dim',
};
const NAMES: Readonly<Record<string, string>> = { found: 'problem', unchecked: 'not checked', off: 'not configured' };
const NAME_WIDTH = 14;

export function doctorText(reports: readonly Shown[], paint: Paint): string {
  const lines = reports.flatMap(({ check, state, findings, notes, reason }) => [
    `${check.padEnd(NAME_WIDTH)}${paint(COLOURS[state] ?? 'dim', NAMES[state] ?? state)}${reason === undefined ? '' : `: ${printable(reason)}`}`,
    ...findings.flatMap(({ subject, detail, action }) => [
      `  ${printable(subject)}: ${printable(detail)}`,
      `    Next: ${printable(action)}`,
    ]),
    ...notes.map((note) => `  ${printable(note)}`),
  ]);
  return `${lines.join('\n')}\n`;
}
