import type { PreparedTable, PrepareReport } from '@recant/connector-postgres';
import { printable } from '../terminal/output.ts';

const LISTED_MAX = 12;

/** The report of `connect postgres`: what is covered, what is not and why, each way round, and what to do. */
export function preparedText(report: PrepareReport): string {
  return `${[...coverage(report), ...columns(report), ...logins(report)].map(printable).join('\n')}\n`;
}

function coverage({ system, epoch, tables, skipped, limited }: PrepareReport): string[] {
  const keyless = tables.filter(({ key }) => key.length === 0).length;
  const counts = `${tables.length} tables, ${tables.length - keyless} with a key, ${keyless} without`;
  return [
    `Registered ${system}${epoch === 1 ? '' : `, capture epoch ${epoch}`}. Captured: ${counts}.`,
    ...list(
      'Captured',
      tables.map(({ table }) => table),
    ),
    ...section(
      'Not captured:',
      skipped.map(({ table, reason }) => `${table}: ${reason}`),
    ),
    ...section(
      'Captured, but an undo is limited:',
      limited.map(({ table, reason }) => `${table}: ${reason}`),
    ),
  ];
}

function columns({ tables, candidates, maskedKeys, subjects }: PrepareReport): string[] {
  const derived = (table: PreparedTable) => table.derived.map(({ column, because }) => `${table.table}.${column}: ${because}`);
  return [
    ...section('Derived columns, neither compared nor restored (change with --derived, --not-derived):', tables.flatMap(derived)),
    ...section(
      'Columns that the application seems to maintain itself; if so, pass them with --derived:',
      candidates.map((column) => `--derived ${column}`),
    ),
    ...section(
      'Rows of persons, whose images `recant subjects erase` reaches (change with --subject):',
      subjects.map(({ table, pattern }) => `${table}: ${pattern}`),
    ),
    ...section(
      'Keys that redaction masks, so that their rows cannot be undone:',
      maskedKeys.map(({ table, rule }) => `${table}: rule ${rule}; disable the rule for these agents, or use another key`),
    ),
  ];
}

function logins(report: PrepareReport): string[] {
  const { agentLogins, waysRound, truncateRights, sharedLogins, publications, undoLogin, drainLogin } = report;
  const owner = [...(undoLogin === undefined ? ['undoes'] : []), ...(drainLogin === undefined ? ['reads the capture'] : [])];
  return [
    agentLogins.length === 0
      ? 'No agent login is registered: name it with --agent-role. Until then every login counts as an outside writer, whose work is not undone.'
      : `Agent logins: ${agentLogins.join(', ')}.`,
    ...(waysRound.length > 0
      ? section(agentLogins.length === 0 ? 'Logins that can bypass the capture:' : "The agents' logins can bypass the capture:", waysRound)
      : agentLogins.length > 0
        ? ["The agents' logins cannot bypass the capture of these tables."]
        : []),
    ...section(
      'Agents may TRUNCATE, which nothing brings back; --revoke-truncate runs:',
      truncateRights.map(({ sql }) => `${sql};`),
    ),
    ...section('Shared logins:', sharedLogins),
    ...section(
      'Publications that send the capture, images included, to their subscribers:',
      publications.map((name) => `${name}: take schema "recant" out of it`),
    ),
    ...(owner.length === 0 ? [] : [`The owner's login also ${owner.join(' and ')}: separate it with --undo-login and --drain-login.`]),
  ];
}

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)];

function list(title: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const more = names.length - LISTED_MAX;
  return [`${title}: ${names.slice(0, LISTED_MAX).join(', ')}${more > 0 ? ` and ${more} more (--json lists all)` : ''}.`];
}
