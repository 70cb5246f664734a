import { DataKeysError } from '@recant/data-keys';
import { LocalKafkaError } from '@recant/local-kafka';
import { LocalPostgresError } from '@recant/local-postgres';
import { ListenError } from '@recant/service';
import { StoreError } from '@recant/store';
import { CliError, EXIT } from '../terminal/exit.ts';

/** Errors whose message is one line with the cause and what to do. */
const SELF_EXPLAINING = [DataKeysError, LocalKafkaError, LocalPostgresError, ListenError, StoreError];

/** The error of a failed start, in one line. */
export function startFailure(error: unknown, dir: string): CliError {
  if (error instanceof CliError) return error;
  if (SELF_EXPLAINING.some((kind) => error instanceof kind))
    return new CliError(EXIT.failed, (error as Error).message, undefined, { cause: error });
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === '53100')
    return new CliError(EXIT.failed, `No space left on the disk of ${dir}`, 'Free some space; acknowledged events are safe.', {
      cause: error,
    });
  if (code === 'EACCES' || code === 'EROFS')
    return new CliError(
      EXIT.failed,
      `Cannot write to ${dir}: ${(error as Error).message}`,
      'Run as its owner, or choose another folder with --dir.',
      { cause: error },
    );
  return new CliError(EXIT.failed, error instanceof Error ? error.message : String(error), 'Set RECANT_DEBUG=1 for a stack trace.', {
    cause: error,
  });
}
