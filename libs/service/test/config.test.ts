import { ConfigError, createLogger, DatabaseUrl, KafkaBrokers, Port, printableConfig, readConfig, secret } from '@recant/service';
import { expect, test } from 'vitest';
import { z } from 'zod';

const schema = z.object({
  DATABASE_URL: DatabaseUrl,
  KAFKA_BROKERS: KafkaBrokers.optional(),
  PORT: Port.default(7300),
  TOKEN: secret(z.string().min(8).optional()),
});

test('names every problem at once, one line each, and no secret', () => {
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
    'DATABASE_URL: must start with postgres:// or postgresql:// (it is ***)',
    'KAFKA_BROKERS: must be host:port, comma-separated (it is "nowhere")',
    'PORT: must be a port (it is "70000")',
    expect.stringMatching(/^TOKEN: .*\(it is \*\*\*\)$/),
  ]);
  expect(() => readConfig(schema, { DATABASE_URL: '' })).toThrow('DATABASE_URL is missing');
});

test('reads values, leaves the rest of the environment alone, and prints secrets as ***', () => {
  const config = readConfig(schema, { DATABASE_URL: 'postgres://u:hunter2@db/x', KAFKA_BROKERS: 'a:9092,b:9093', OTHER: 'x' });
  expect(config).toEqual({ DATABASE_URL: 'postgres://u:hunter2@db/x', KAFKA_BROKERS: ['a:9092', 'b:9093'], PORT: 7300 });
  expect(JSON.stringify(printableConfig(schema, config))).not.toContain('hunter2');
});

test('a log never holds what a request authenticates with', () => {
  const lines: string[] = [];
  const log = createLogger({ name: 't', destination: { write: (line) => void lines.push(line) } });
  log.info({ authorization: 'Bearer s3cret', req: { headers: { authorization: 's3cret' } }, options: { password: 's3cret' } }, 'said');
  expect(lines.join()).not.toContain('s3cret');
  expect(lines.join()).toContain('said');
});
