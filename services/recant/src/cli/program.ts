import { ApiError, ConnectionError } from '@recant/client';
import { Command, CommanderError } from 'commander';
import type { Credential } from '../terminal/connection.ts';
import { CliError, EXIT } from '../terminal/exit.ts';
import { painter, printable } from '../terminal/output.ts';
import type { World } from '../terminal/session.ts';
import { VERSION } from '../terminal/version.ts';
import { addActions } from './commands/actions.ts';
import { addActs } from './commands/acts.ts';
import { addAlarms } from './commands/alarms.ts';
import { addApprove } from './commands/approve.ts';
import { addConnect } from './commands/connect.ts';
import { addDemo } from './commands/demo.ts';
import { addDisconnect } from './commands/disconnect.ts';
import { addDoctor } from './commands/doctor.ts';
import { addEpoch } from './commands/epoch.ts';
import { addExport } from './commands/export.ts';
import { addFence } from './commands/fence.ts';
import { addFreeze } from './commands/freeze.ts';
import { addKafka } from './commands/kafka.ts';
import { addKeys } from './commands/keys.ts';
import { addLog } from './commands/log.ts';
import { addParts } from './commands/parts.ts';
import { addPassword } from './commands/password.ts';
import { addExplain, addPlan } from './commands/plan.ts';
import { addReceipt } from './commands/receipt.ts';
import { addRollback } from './commands/rollback.ts';
import { addRun } from './commands/run.ts';
import { addSources } from './commands/sources.ts';
import { addStatus } from './commands/status.ts';
import { addSubjects } from './commands/subjects.ts';
import { addSystems } from './commands/systems.ts';
import { addUp } from './commands/up.ts';
import { addVerify } from './commands/verify.ts';
import { addWebhooks } from './commands/webhooks.ts';
import { addWitness } from './commands/witness.ts';
import { problemText } from './problem-text.ts';

const HELP = `
Exit codes: 0 success, 1 error, 2 invalid command line or input, 3 refused (conflicts, stale, not approved, already done), 4 service unreachable or
authentication failed, 5 run ended without restoring everything, 6 verification failed,
7 \`recant doctor\` found something.
With --json, stdout is JSON only; progress, notices and errors go to stderr.

Examples:
  recant up
  recant actions list --agent pricing-bot --window 10m
  recant rollback --agent pricing-bot --since 2h`;

/** Runs one command line. @returns the exit code; an error is printed on stderr, with what to do about it on the next line */
export async function runProgram(args: readonly string[], outer: World): Promise<number> {
  let code: number = EXIT.ok;
  let credential: Credential | undefined;
  const world: World = {
    ...outer,
    onCredential: (used) => {
      credential = used;
    },
  };
  try {
    await trustAuthority(world);
    await createProgram(world, (exit) => {
      code = exit;
    }).parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    return report(error, world, credential);
  }
}

/** Adds RECANT_CA_FILE to the trusted CA certificates. */
async function trustAuthority({ env }: World): Promise<void> {
  if (!env.RECANT_CA_FILE) return;
  // Loaded on demand: without it, other commands start several times as fast.
  const { ConfigError, trustCertificates } = await import('@recant/service');
  try {
    trustCertificates(env.RECANT_CA_FILE);
  } catch (error) {
    throw error instanceof ConfigError ? new CliError(EXIT.usage, error.message, 'Correct RECANT_CA_FILE.', { cause: error }) : error;
  }
}

function createProgram(world: World, exit: (code: number) => void): Command {
  const program = new Command('recant')
    .description('Records what autonomous agents do, undoes it, and proves it.')
    .version(VERSION, '--version', 'print the version')
    .exitOverride()
    .configureOutput({ writeOut: (text) => void world.out.write(text), writeErr: (text) => void world.err.write(text) })
    .showHelpAfterError('(see --help)')
    .addHelpText('after', HELP);
  addUp(program, world);
  addRollback(program, world, exit);
  addActions(program, world);
  addFreeze(program, world, exit);
  addFence(program, world);
  addAlarms(program, world);
  addSources(program, world);
  addActs(program, world);
  addParts(program, world);
  addSubjects(program, world);
  addPlan(program, world, exit);
  addExplain(program, world);
  addApprove(program, world);
  addRun(program, world, exit);
  addStatus(program, world, exit);
  addDoctor(program, world, exit);
  addWebhooks(program, world, exit);
  addConnect(program, world);
  addDisconnect(program, world);
  addSystems(program, world);
  addKeys(program, world);
  addKafka(program, world);
  addPassword(program, world);
  addWitness(program, world);
  addReceipt(program, world);
  addLog(program, world);
  addEpoch(program, world);
  addExport(program, world);
  addVerify(program, world, exit);
  addDemo(program, world, exit);
  return program;
}

function report(error: unknown, world: World, credential: Credential | undefined): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (world.signal.aborted && error instanceof Error && error.name === 'AbortError') return EXIT.stopped;
  const paint = painter(world.err);
  const known = asCliError(error, credential);
  const message =
    known?.message ?? (error instanceof Error ? (world.env.RECANT_DEBUG ? error.stack : error.message) : String(error)) ?? 'failed';
  world.err.write(`${paint('red', 'recant:')} ${printable(message)}\n`);
  if (known?.action !== undefined) world.err.write(`        ${printable(known.action)}\n`);
  return known?.exitCode ?? EXIT.failed;
}

/** Maps a problem of the service to an exit code, by HTTP status. */
function asCliError(error: unknown, credential: Credential | undefined): CliError | undefined {
  if (error instanceof CliError) return error;
  if (error instanceof ConnectionError) return new CliError(EXIT.unreachable, error.message, undefined, { cause: error });
  if (!(error instanceof ApiError)) return undefined;
  const { status } = error.problem;
  const { detail, action } = problemText(error.problem, credential);
  const exitCode =
    status === 401 || status === 403
      ? EXIT.unreachable
      : status === 409
        ? EXIT.refused
        : status >= 500 || status === 429
          ? EXIT.failed
          : EXIT.usage;
  return new CliError(exitCode, detail, action, { cause: error });
}
