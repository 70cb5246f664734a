import { type DestinationStream, type Logger, pino } from 'pino';
import { maskLine } from './mask.ts';

export type { Logger };

/** Paths that never reach a log, wherever a caller puts them. */
const REDACTED = ['authorization', 'secret', 'password', 'apiKey', 'databaseUrl', 'macSecret'].flatMap((name) => [
  name,
  `*.${name}`,
  `*.*.${name}`,
]);

/** JSON lines to stdout, or to `destination`, with `***` for what looks like a secret anywhere in them. Synchronous: a worker would lose the lines before a crash. */
export function createLogger(options: { name: string; level?: string; destination?: DestinationStream }): Logger {
  const settings = {
    name: options.name,
    level: options.level ?? 'info',
    redact: { paths: REDACTED, censor: '***' },
    base: { name: options.name },
  };
  const destination = options.destination ?? pino.destination({ fd: 1, sync: true });
  return pino(settings, { write: (line) => void destination.write(maskLine(line)) });
}
