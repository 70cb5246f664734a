import { CliError, EXIT } from '../terminal/exit.ts';

export const LIMIT_DEFAULT = 50;

/** Collects the values of a repeatable option. */
export const several = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];

export function limitOf(text: string | undefined): number {
  const limit = text === undefined ? LIMIT_DEFAULT : Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > 500)
    throw new CliError(EXIT.usage, `--limit: ${JSON.stringify(text)} is not a number from 1 to 500`);
  return limit;
}

export function wholeNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(value))
    throw new CliError(EXIT.usage, `${option} is a whole number, not ${JSON.stringify(text)}`);
  return value;
}

export function shardOf(text: string): number {
  const shard = Number(text);
  if (!/^[0-9]{1,5}$/.test(text)) throw new CliError(EXIT.usage, `${JSON.stringify(text)} is not the number of a shard`);
  return shard;
}
