/** Exit codes: the contract with scripts. Listed in docs/cli.md and by `recant --help`. */
export const EXIT = {
  ok: 0,
  /** An error, here or in the service. */
  failed: 1,
  /** Invalid command line or input: unknown option, time without a zone, unknown agent. */
  usage: 2,
  /** Refused: conflicts, a stale plan, a missing approval, something that already exists. */
  refused: 3,
  /** No answer from the service, or it does not accept the credential. */
  unreachable: 4,
  /** The run ended with another verdict than `fully_restored`. */
  notFullyRestored: 5,
  /** Verification failed: the output names the broken rule. */
  notSound: 6,
  /** `recant doctor` found something, or could not check it. */
  found: 7,
  /** Ctrl-C: 128 + SIGINT. */
  stopped: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with an exit code other than 0. `action`: what the user can do about it. */
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
