import { AttemptStatus, type PlanInput, type SelectionInput } from '@recant/api';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CliError, EXIT } from '../terminal/exit.ts';
import { several } from './options.ts';
import { type WindowOptions, windowOf, withWindow } from './window.ts';

/** Options that select attempts, the same in every command. */
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
  readonly ambiguous?: string[];
  readonly where?: string[];
}

/** Refused here: an unknown outcome would match nothing and look like an empty result. */
function outcomes(value: string, before: AttemptStatus[] | undefined): AttemptStatus[] {
  const outcome = AttemptStatus.safeParse(value);
  if (!outcome.success) throw new InvalidArgumentError(`Expected one of ${AttemptStatus.options.join(', ')}.`);
  return [...(before ?? []), outcome.data];
}

export function withFilters(command: Command): Command {
  const filtered = command
    .option('--agent <name>', 'agent name; every filter may be repeated', several)
    .option('--session <id>', 'session id', several)
    .option('--trace <id>', 'W3C trace id', several)
    .option('--tool <name>', 'tool name', several)
    .option('--resource <uri>', 'resource URI, exact or ending in *', several)
    .option('--outcome <outcome>', 'open, succeeded, failed, denied, suspended or unknown', outcomes);
  return withWindow(filtered).addOption(
    new Option('--clock <clock>', 'clock of the window: received (ledger) or claimed (agent)').choices(['received', 'claimed']),
  );
}

/** Query of GET /v1/attempts. */
export function filtersOf(options: FilterOptions, nowMs: number) {
  const { agent, session, trace, tool, resource, outcome, clock } = options;
  return { ...given({ agent, session, trace, tool, resource, outcome, clock }), ...windowOf(options, nowMs) };
}

/** Body of POST /v1/plans. @throws CliError `usage` for an empty selection, which would select everything */
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
    ambiguous: options.ambiguous,
    where: whereOf(options.where),
  });
  const window = windowOf(options, nowMs);
  const names = Object.keys(selection).filter((field) => field !== 'clock' && field !== 'ambiguous');
  if (names.length === 0 && Object.keys(window).length === 0) {
    throw new CliError(
      EXIT.usage,
      'Empty selection',
      'Pass --agent, --session, --trace, --tool, --resource, --outcome, --action, --run, --since, --window or --where.',
    );
  }
  return { selection, ...(Object.keys(window).length === 0 ? {} : { window }) };
}

/** Several conditions are and-ed. */
function whereOf(conditions: readonly string[] | undefined): string | undefined {
  return conditions?.length === 1 ? conditions[0] : conditions?.map((condition) => `(${condition})`).join(' and ');
}

/** Drops undefined fields. */
function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
