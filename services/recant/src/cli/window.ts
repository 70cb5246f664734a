import { ApiFault, parseDurationMs, parseWindow } from '@recant/api';
import type { Command } from 'commander';
import { CliError, EXIT } from '../terminal/exit.ts';

export interface WindowOptions {
  readonly window?: string;
  readonly from?: string;
  /** The same as `from`. */
  readonly since?: string;
  readonly to?: string;
}

export function withWindow(command: Command): Command {
  return command
    .option('--window <duration>', 'only the last 90s, 10m, 2h or 7d')
    .option('--since <time>', 'start: ISO 8601 with a zone, or a duration before now (2h)')
    .option('--from <time>', 'the same as --since')
    .option('--to <time>', 'end, exclusive; same formats as --since');
}

/** The window [from, to) as ISO 8601 in UTC, checked before a request is sent. `--window 10m` is the last ten minutes. */
export function windowOf(options: WindowOptions, nowMs: number): { from?: string; to?: string } {
  const { window, since, to } = options;
  if (since !== undefined && options.from !== undefined)
    throw new CliError(EXIT.usage, '--since and --from are the same', 'Pass one of them.');
  const from = since ?? options.from;
  if (window !== undefined && (from !== undefined || to !== undefined)) {
    throw new CliError(EXIT.usage, '--window excludes --since, --from and --to', 'Pass a duration (--window 10m), or --since and --to.');
  }
  if (window !== undefined && parseDurationMs(window) === undefined) {
    throw new CliError(
      EXIT.usage,
      `--window: expected a duration, got ${JSON.stringify(window)}`,
      'Pass a number and a unit: 90s, 10m, 2h, 7d.',
    );
  }
  try {
    const parsed = parseWindow({ from: window ?? from, to }, nowMs);
    return {
      ...(parsed.fromMs === undefined ? {} : { from: new Date(parsed.fromMs).toISOString() }),
      ...(parsed.toMs === undefined ? {} : { to: new Date(parsed.toMs).toISOString() }),
    };
  } catch (error) {
    if (error instanceof ApiFault) throw new CliError(EXIT.usage, error.message, error.problem().action, { cause: error });
    throw error;
  }
}
