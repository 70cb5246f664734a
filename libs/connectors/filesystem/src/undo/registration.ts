import { ConnectorError, type SystemRegistration } from '@recant/connector';
import { createIgnore, createWithin } from '../ignore.ts';
import { CONNECTOR } from '../path.ts';
import type { Settings } from '../store/record.ts';

/** Options of a registered folder. */
export interface Registration extends Settings {
  readonly root: string;
  readonly store?: string;
  readonly lockWaitMs?: number;
}

const TEXTS = ['root', 'store'] as const;
const NUMBERS = ['fileBytesMax', 'treeEntriesMax', 'watchedEntriesMax', 'lockWaitMs'] as const;
/** Each with its check, which throws. */
const LISTS = { exclusive: createWithin, ignore: createIgnore } as const;
const KNOWN: readonly string[] = [...TEXTS, ...NUMBERS, ...Object.keys(LISTS)];

/** @throws ConnectorError `options_invalid`, which names every problem */
export function registrationOf({ name, connector, options }: SystemRegistration): Registration {
  const problems = [
    ...(connector === CONNECTOR ? [] : [`expected connector ${CONNECTOR}, got ${connector}`]),
    ...(typeof options.root === 'string' ? [] : ['root is missing']),
    ...TEXTS.filter(
      (key) => options[key] !== undefined && (typeof options[key] !== 'string' || options[key] === '' || options[key].includes('\0')),
    ).map((key) => `${key} is not a path`),
    ...NUMBERS.filter((key) => options[key] !== undefined && !(Number.isSafeInteger(options[key]) && Number(options[key]) > 0)).map(
      (key) => `${key} is not a positive whole number`,
    ),
    ...Object.entries(LISTS).flatMap(([key, check]) => listProblems(key, options[key], check)),
    ...Object.keys(options)
      .filter((key) => !KNOWN.includes(key))
      .map((key) => `unknown option ${key}`),
  ];
  if (problems.length > 0) throw new ConnectorError('options_invalid', `Invalid options of system ${name}: ${problems.join('; ')}.`);
  return options as unknown as Registration;
}

function listProblems(key: string, list: unknown, check: (list: readonly string[]) => unknown): string[] {
  if (list === undefined) return [];
  if (!Array.isArray(list) || !list.every((item) => typeof item === 'string')) return [`${key} is not a list of texts`];
  try {
    check(list);
    return [];
  } catch (error) {
    if (!(error instanceof ConnectorError)) throw error;
    return [`${key}: ${error.message.replace(/\.$/, '')}`];
  }
}
