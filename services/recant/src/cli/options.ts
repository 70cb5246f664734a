import { isSystemName } from '@recant/events';
import type { Command } from 'commander';
import { CliError, EXIT } from '../terminal/exit.ts';

const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 500;
const RATE_MAX = 1_000_000;

export interface PageOptions {
  readonly limit?: string;
  readonly cursor?: string;
}

/** Collects the values of a repeatable option. */
export const several = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];

export function withPages(command: Command): Command {
  return command
    .option('--limit <n>', `results to print (default ${LIMIT_DEFAULT}, at most ${LIMIT_MAX})`)
    .option('--cursor <cursor>', 'continue after an earlier page (`next` in its --json)');
}

export function pageOf({ limit, cursor }: PageOptions): { readonly limit: number; readonly cursor?: string } {
  return { limit: limitOf(limit), ...(cursor === undefined ? {} : { cursor }) };
}

/** How to get the next page; empty on the last one. A cursor is long, so it is printed only where no larger page would do. */
export function nextPageText(next: string | undefined, { limit }: PageOptions): string {
  if (next === undefined) return '';
  const larger = Math.min(limitOf(limit) * 4, LIMIT_MAX);
  return larger > limitOf(limit)
    ? `More results: --limit ${larger}, or --cursor with the "next" of --json\n`
    : `More results: --cursor ${next}\n`;
}

function limitOf(text: string | undefined): number {
  const limit = text === undefined ? LIMIT_DEFAULT : Number(text);
  if (!/^[1-9][0-9]{0,5}$/.test(text ?? `${LIMIT_DEFAULT}`) || limit < 1 || limit > LIMIT_MAX)
    throw new CliError(EXIT.usage, `--limit: expected a number from 1 to ${LIMIT_MAX}, got ${JSON.stringify(text)}`);
  return limit;
}

export function wholeNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(value))
    throw new CliError(EXIT.usage, `${option}: expected a whole number, got ${JSON.stringify(text)}`);
  return value;
}

/** `200/s`: rows and files a second. */
export function rateOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const rate = /^([1-9][0-9]{0,6})\/s$/.exec(text)?.[1];
  if (rate !== undefined && Number(rate) <= RATE_MAX) return Number(rate);
  throw new CliError(EXIT.usage, `--rate: expected a number from 1/s to ${RATE_MAX}/s, got ${JSON.stringify(text)}`);
}

export function shardOf(text: string): number {
  const shard = Number(text);
  if (!/^[0-9]{1,5}$/.test(text)) throw new CliError(EXIT.usage, `Expected a shard number, got ${JSON.stringify(text)}`);
  return shard;
}

export const SYSTEM_NAME = 'system name: letters, digits, ".", "_" and "-"';

/** The service checks the name too; here it is checked before anything is installed in the target. */
export function requireSystemName(name: string): void {
  if (isSystemName(name)) return;
  throw new CliError(
    EXIT.usage,
    `Invalid system name ${JSON.stringify(name)}`,
    'Expected 1 to 64 letters, digits, ".", "_" or "-", starting with a letter or digit.',
  );
}
