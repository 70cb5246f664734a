import { type DestinationStream, type Logger, pino } from 'pino';
import { maskLine } from './mask.ts';

export type { Logger };

/** Member names that are masked in every line, up to two levels down. */
const REDACTED = ['authorization', 'secret', 'password', 'apiKey', 'databaseUrl', 'macSecret'].flatMap((name) => [
  name,
  `*.${name}`,
  `*.*.${name}`,
]);

/** JSON lines to stdout or to `destination`, secrets as `***`. Synchronous, because a worker thread would lose the last lines before a crash. */
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
