/** Exit codes: the contract with scripts. Listed in docs/cli.md. */
export const EXIT = {
  ok: 0,
  /** Something broke, here or in the service. */
  failed: 1,
  /** What was asked for makes no sense: unknown option, time without a zone, unknown agent. */
  usage: 2,
  /** The service said no: a refused plan, a plan outgrown by newer work, something already there. */
  refused: 3,
  /** No answer from the service, or not with this key. */
  unreachable: 4,
  /** The run ended, and not everything went back. */
  notFullyRestored: 5,
  /** What was verified is not sound: a rule is broken, and named. */
  notSound: 6,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What ends a command other than well. `action` is what the reader can do about it. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;
  readonly action: string | undefined;
  constructor(exitCode: ExitCode, message: string, action?: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
    this.action = action;
  }
}
