import { AttemptStatus, type PlanInput, type SelectionInput } from '@recant/api';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CliError, EXIT } from '../terminal/exit.ts';
import { several } from './options.ts';
import { type WindowOptions, windowOf } from './window.ts';

/** Options that say which attempts are meant: the same in every command. */
export interface FilterOptions extends WindowOptions {
  readonly agent?: string[];
  readonly session?: string[];
  readonly trace?: string[];
  readonly tool?: string[];
  readonly resource?: string[];
  readonly outcome?: AttemptStatus[];
  readonly clock?: 'received' | 'claimed';
}

export interface SelectionOptions extends FilterOptions {
  readonly action?: string[];
  readonly run?: string[];
}

/** A misspelt one would find nothing, and look like good news. */
function outcomes(value: string, before: AttemptStatus[] | undefined): AttemptStatus[] {
  const outcome = AttemptStatus.safeParse(value);
  if (!outcome.success) throw new InvalidArgumentError(`One of ${AttemptStatus.options.join(', ')}.`);
  return [...(before ?? []), outcome.data];
}

export function withFilters(command: Command): Command {
  return command
    .option('--agent <name>', 'of this agent; may be repeated, as all of these may', several)
    .option('--session <id>', 'of this session', several)
    .option('--trace <id>', 'of this W3C trace', several)
    .option('--tool <name>', 'through this tool', several)
    .option('--resource <uri>', 'on this resource, exact or ending in *', several)
    .option('--outcome <outcome>', 'open, succeeded, failed, denied, suspended, unknown or contested', outcomes)
    .option('--window <duration>', 'the last while: 90s, 10m, 2h, 7d')
    .option('--from <time>', 'from then on: ISO 8601 with a zone, or how long ago')
    .option('--to <time>', 'until then, not included')
    .addOption(new Option('--clock <clock>', 'whose clock the window is about').choices(['received', 'claimed']));
}

/** As the query of GET /v1/attempts. */
export function filtersOf(options: FilterOptions, nowMs: number) {
  const { agent, session, trace, tool, resource, outcome, clock } = options;
  return { ...given({ agent, session, trace, tool, resource, outcome, clock }), ...windowOf(options, nowMs) };
}

/** As the body of POST /v1/plans. @throws CliError `usage` where nothing is selected: that would mean everything. */
export function selectionOf(options: SelectionOptions, nowMs: number): Pick<PlanInput, 'selection' | 'window'> {
  const selection: SelectionInput = given({
    agents: options.agent,
    sessions: options.session,
    traces: options.trace,
    tools: options.tool,
    resources: options.resource,
    outcomes: options.outcome,
    actions: options.action,
    runs: options.run,
    clock: options.clock,
  });
  const window = windowOf(options, nowMs);
  const names = Object.keys(selection).filter((field) => field !== 'clock');
  if (names.length === 0 && Object.keys(window).length === 0) {
    throw new CliError(
      EXIT.usage,
      'Nothing is selected',
      'Name an --agent, --session, --trace, --tool, --resource, --outcome, --action, --run or a --window.',
    );
  }
  return { selection, ...(Object.keys(window).length === 0 ? {} : { window }) };
}

/** Without the fields that were not given: the API refuses `undefined` in some places and means it in others. */
function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
