import { ConfigError, createLogger, DatabaseUrl, KafkaBrokers, Port, readConfig, secret } from '@recant/service';
import { expect, test } from 'vitest';
import { z } from 'zod';

const schema = z.object({
  DATABASE_URL: DatabaseUrl,
  KAFKA_BROKERS: KafkaBrokers.optional(),
  PORT: Port.default(7300),
  TOKEN: secret(z.string().min(8).optional()),
});

test('all problems are named at once, one line each, without secrets', () => {
  const read = () =>
    readConfig(schema, { DATABASE_URL: 'mysql://root:hunter2@db', KAFKA_BROKERS: 'nowhere', PORT: '70000', TOKEN: 'short' });
  expect(read).toThrow(ConfigError);
  const { problems } = (() => {
    try {
      return read() as never;
    } catch (error) {
      return error as ConfigError;
    }
  })();
  expect(problems).toEqual([
    'DATABASE_URL: must start with postgres:// or postgresql://, got ***',
    'KAFKA_BROKERS: must be host:port, comma-separated, got "nowhere"',
    'PORT: must be a port (0 to 65535), got "70000"',
    expect.stringMatching(/^TOKEN: .*, got \*\*\*$/),
  ]);
  expect(() => readConfig(schema, { DATABASE_URL: '' })).toThrow('DATABASE_URL is missing');
});

test('values are read by schema; other variables are ignored', () => {
  const config = readConfig(schema, { DATABASE_URL: 'postgres://u:hunter2@db/x', KAFKA_BROKERS: 'a:9092,b:9093', OTHER: 'x' });
  expect(config).toEqual({ DATABASE_URL: 'postgres://u:hunter2@db/x', KAFKA_BROKERS: ['a:9092', 'b:9093'], PORT: 7300 });
});

test('credentials of a request never reach the log', () => {
  const lines: string[] = [];
  const log = createLogger({ name: 't', destination: { write: (line) => void lines.push(line) } });
  log.info({ authorization: 'Bearer s3cret', req: { headers: { authorization: 's3cret' } }, options: { password: 's3cret' } }, 'said');
  expect(lines.join()).not.toContain('s3cret');
  expect(lines.join()).toContain('said');
});
