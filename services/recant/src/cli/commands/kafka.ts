import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TOPIC_EVENTS } from '@recant/events';
import type { Command } from 'commander';
import type { KafkaPlace, PositionRow } from '../../kafka/positions.ts';
import { folderOf } from '../../terminal/connection.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json, painter, printable } from '../../terminal/output.ts';
import { reasonOf, type World, withFolder, withJson } from '../../terminal/session.ts';
import { table } from '../../terminal/table.ts';
import { shardOf } from '../options.ts';

const HELP = `
Run it where the service runs, with its DATABASE_URL (or the folder of \`recant up\`), KAFKA_BROKERS and RECANT_KAFKA_* variables.

A partition stops if its stored position does not fit the broker: the topic or cluster was recreated, or retention dropped messages that were not read.
Messages between the old and the new position are not recorded; producers that still have them can send them again. The act keeps both positions, and which messages were not read.

Examples:
  recant kafka positions
  recant kafka adopt 3 --from earliest --reason "topic recreated after the broker's disk failed on 2026-11-23"`;

interface KafkaOptions {
  readonly dir?: string;
  readonly json?: boolean;
  readonly topic?: string;
}

export function addKafka(program: Command, world: World): void {
  const kafka = program
    .command('kafka')
    .description('positions in Kafka: list them, resume a stopped partition')
    .addHelpText('after', HELP);
  const withTopic = (command: Command) =>
    withFolder(withJson(command)).option('--topic <topic>', `topic (default: RECANT_KAFKA_TOPIC or ${TOPIC_EVENTS})`);
  withTopic(kafka.command('positions').description('stored positions beside the broker’s offsets')).action((options: KafkaOptions) =>
    list(world, options),
  );
  withTopic(
    kafka.command('adopt').description('read a partition on from another position').argument('<partition>', 'number, from the list'),
  )
    .requiredOption('--from <offset>', 'earliest, latest, or an offset that the broker has')
    .requiredOption('--reason <text>', 'why; recorded permanently in the log')
    .action((partition: string, options: KafkaOptions & { from: string; reason: string }) => adopt(world, partition, options));
}

async function list(world: World, options: KafkaOptions): Promise<void> {
  const { listPositions } = await import('../../kafka/positions.ts');
  const rows = await listPositions(await placeOf(world, options), topicOf(world, options));
  world.out.write(options.json ? json({ items: rows }) : positionsText(rows, world));
}

function positionsText(rows: readonly PositionRow[], world: World): string {
  const cells = rows.map(({ partition, next, low, high, lag, problem }) => [
    partition,
    next ?? '',
    low,
    high,
    lag ?? '',
    problem ? 'stopped' : '',
  ]);
  const problems = rows.flatMap(({ topic, partition, problem }) => (problem === undefined ? [] : [`${topic}/${partition}: ${problem}\n`]));
  const head = ['partition', 'next', 'first', 'end', 'lag', 'state'];
  const advice = problems.length === 0 ? '' : 'Next: recant kafka adopt PARTITION --from earliest --reason TEXT\n';
  return `${table(head, cells, painter(world.out))}\n${problems.join('')}${advice}`;
}

async function adopt(world: World, partition: string, options: KafkaOptions & { from: string; reason: string }): Promise<void> {
  const { adoptPosition } = await import('../../kafka/positions.ts');
  const { from } = options;
  const reason = reasonOf(options).reason ?? options.reason;
  const adoption = { partition: shardOf(partition), from, reason };
  const row = await adoptPosition(await placeOf(world, options), topicOf(world, options), adoption, world);
  if (options.json) return void world.out.write(json(row));
  world.out.write(
    `${row.topic}/${row.partition} is read on from offset ${row.next}; a running service resumes it within 10 s.\n${unreadText(row)}`,
  );
}

function unreadText({ unread }: PositionRow): string {
  if (unread === undefined) return '';
  const { cluster, from, through } = unread;
  const which = through === undefined ? `from offset ${from} on, of ${printable(cluster)}` : `with the offsets ${from} to ${through}`;
  return `Not read, and not in the ledger until their producers send them again: messages ${which}. The act has the same.\n`;
}

function topicOf({ env }: World, { topic }: KafkaOptions): string {
  return topic ?? (env.RECANT_KAFKA_TOPIC || TOPIC_EVENTS);
}

async function placeOf({ env }: World, { dir }: KafkaOptions): Promise<KafkaPlace> {
  const { KAFKA_ENV, kafkaAccessOf, readConfig } = await import('@recant/service');
  const { DATABASE_FILE } = await import('../../folder/folder.ts');
  const { z } = await import('zod');
  const access = kafkaAccessOf(readConfig(z.object(KAFKA_ENV), env));
  if (access === undefined)
    throw new CliError(EXIT.usage, 'KAFKA_BROKERS is not set', 'Set it as for the service: host:port, comma-separated.');
  const databaseUrl = env.DATABASE_URL || (await readFile(join(folderOf(dir, env), DATABASE_FILE), 'utf8').catch(() => '')).trim();
  if (databaseUrl === '') throw new CliError(EXIT.usage, 'No ledger found', 'Set DATABASE_URL, or pass the --dir of `recant up`.');
  return { databaseUrl, access };
}
