import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger };

/** Paths that never reach a log, wherever a caller puts them. */
const REDACTED = ['authorization', 'secret', 'password', 'apiKey', 'databaseUrl', 'macSecret'].flatMap((name) => [
  name,
  `*.${name}`,
  `*.*.${name}`,
]);

/** JSON lines to stdout, or to `destination`. Synchronous: a worker would lose the lines before a crash. */
export function createLogger(options: { name: string; level?: string; destination?: DestinationStream }): Logger {
  const settings = {
    name: options.name,
    level: options.level ?? 'info',
    redact: { paths: REDACTED, censor: '***' },
    base: { name: options.name },
  };
  return options.destination ? pino(settings, options.destination) : pino(settings);
}
