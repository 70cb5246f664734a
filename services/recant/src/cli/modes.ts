import type { PlanInput, PlanMode } from '@recant/api';
import { isUuidV7 } from '@recant/events';
import { type Command, Option } from 'commander';
import { several } from './options.ts';

/** How a plan treats conflicts. */
export interface ModeOptions {
  readonly mode: PlanMode;
  readonly partial?: boolean;
  readonly cascadeReads?: boolean;
  readonly force?: string[];
  readonly skip?: string[];
  readonly cascade?: string[];
}

export function withModes(command: Command): Command {
  return command
    .addOption(new Option('--mode <mode>', 'how to treat conflicts').choices(['refuse', 'skip', 'cascade', 'force']).default('refuse'))
    .option('--skip <what>', 'mode skip for these attempts only: an action id, or a condition as in --where', several)
    .option('--cascade <what>', 'mode cascade for these attempts only', several)
    .option('--force <what>', 'mode force for these attempts only; needs --reason', several)
    .option('--partial', 'let rows in conflict stay and undo the other rows of their attempts (not in mode refuse)')
    .option('--cascade-reads', 'in mode cascade, also undo what others did after they read what is undone');
}

export function modesOf(options: ModeOptions): Pick<PlanInput, 'mode' | 'partial' | 'cascadeReads' | 'overrides'> {
  const overrides = (['skip', 'cascade', 'force'] as const).flatMap((mode) =>
    (options[mode] ?? []).map((what) => ({ mode, where: isUuidV7(what) ? `id = '${what}'` : what })),
  );
  return {
    mode: options.mode,
    ...(overrides.length > 0 && { overrides }),
    ...(options.partial && { partial: true }),
    ...(options.cascadeReads && { cascadeReads: true }),
  };
}
