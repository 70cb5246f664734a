import type { FreezeBody, PlanInput, PlanRepeatsBody, PlanView, RunView, SelectionInput } from '@recant/api';
import type { Client } from '@recant/client';
import { scopeText } from '../../render/freeze.ts';
import { CliError, EXIT, type ExitCode } from '../../terminal/exit.ts';
import { askKey } from '../../terminal/key.ts';
import type { Session, World } from '../../terminal/session.ts';

/** What the operator passed, apart from the selection. */
export interface Given {
  readonly mode?: PlanInput['mode'];
  readonly partial?: boolean;
  readonly cascadeReads?: boolean;
  readonly accept?: readonly string[];
  /** Milliseconds. */
  readonly waitMs: number;
  readonly approvalWaitMs: number;
  readonly freezes: boolean;
  readonly freezeFor?: string;
  readonly fence?: string;
  readonly deadline?: string;
  readonly rowsPerSecond?: number;
  readonly acceptRunning: boolean;
  readonly yes: boolean;
  readonly rows?: number;
  readonly thaw: boolean;
  readonly acceptClaimed: boolean;
}

/** One guided rollback, as far as it has come. Everything but the answers of its operator is in the ledger: another process can go on from there. */
export interface Flow {
  readonly world: World;
  readonly session: Session;
  readonly client: Client;
  readonly given: Given;
  readonly reason: string | undefined;
  /** Whether somebody can answer. */
  readonly interactive: boolean;
  selection: SelectionInput;
  /** Run without the approval that the plan needs. */
  breakGlass: boolean;
  /** In force when they were read. */
  freezes: readonly FreezeBody[];
  plan?: PlanView;
  run?: RunView;
  /** Of the plan, for the account. */
  repeats?: PlanRepeatsBody;
}

/** Progress for the operator; stdout has the account only. */
export function say(flow: Flow, text: string): void {
  flow.world.err.write(text.endsWith('\n') ? text : `${text}\n`);
}

export function title(flow: Flow, name: string): void {
  say(flow, `\n${flow.session.paint('bold', name)}`);
}

/** The command that goes on from here, by anybody who may. */
export function resumeText({ run, plan, freezes }: Pick<Flow, 'run' | 'plan' | 'freezes'>): string | undefined {
  const id = run?.id ?? plan?.id ?? freezes[0]?.freeze;
  return id === undefined ? undefined : `recant rollback --resume ${id}`;
}

/** Ends the command; the next one goes on. @param options what to pass to the next command, besides the id */
export function stopped(flow: Flow, code: ExitCode, message: string, options = ''): CliError {
  const resume = resumeText(flow);
  const inForce = flow.freezes.filter(({ ended }) => ended === undefined);
  const next = [
    ...(resume === undefined ? [] : [`Go on: ${resume}${options}`]),
    // Who walks away has to know it.
    ...(inForce.length === 0 ? [] : [`(Still frozen: ${inForce.map(scopeText).join(', ')}; \`recant thaw\` ends it.)`]),
  ];
  return new CliError(code, message, next.length === 0 ? undefined : next.join(' '));
}

/** One key. @throws CliError `stopped` after Ctrl-C */
export async function choose<K extends string>(flow: Flow, question: string, choices: Readonly<Record<K, string>>): Promise<K> {
  const key = await askKey(flow.world, question, choices);
  if (key === undefined) throw stopped(flow, EXIT.stopped, 'Stopped.');
  return key;
}

/** @throws CliError `stopped` after Ctrl-C */
export function throwIfStopped(flow: Flow): void {
  if (flow.world.signal.aborted) throw stopped(flow, EXIT.stopped, 'Stopped.');
}
