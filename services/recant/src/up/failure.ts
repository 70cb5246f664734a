import { DataKeysError } from '@recant/data-keys';
import { LocalKafkaError } from '@recant/local-kafka';
import { LocalPostgresError } from '@recant/local-postgres';
import { ListenError } from '@recant/service';
import { StoreError } from '@recant/store';
import { CliError, EXIT } from '../terminal/exit.ts';

/** Errors whose message is already one line that says what is wrong and what to do. */
const SELF_EXPLAINING = [DataKeysError, LocalKafkaError, LocalPostgresError, ListenError, StoreError];

/** Why it did not start, in one line for a person. */
export function startFailure(error: unknown, dir: string): CliError {
  if (error instanceof CliError) return error;
  if (SELF_EXPLAINING.some((kind) => error instanceof kind))
    return new CliError(EXIT.failed, (error as Error).message, undefined, { cause: error });
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === '53100')
    return new CliError(EXIT.failed, `The disk under ${dir} is full`, 'Free some space; nothing that was acknowledged is lost.', {
      cause: error,
    });
  if (code === 'EACCES' || code === 'EROFS')
    return new CliError(
      EXIT.failed,
      `${dir} cannot be written: ${(error as Error).message}`,
      'Run as its owner, or choose another folder with --dir.',
      { cause: error },
    );
  return new CliError(EXIT.failed, error instanceof Error ? error.message : String(error), 'RECANT_DEBUG=1 shows where it happened.', {
    cause: error,
  });
}
