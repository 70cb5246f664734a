import type { Account } from './account.ts';
import { type Block, tenantRate } from './block.ts';
import type { Kind } from './kinds.ts';
import type { Sent } from './producer.ts';
import { HONEST, HOSTILE, TOPIC } from './stage.ts';

export interface Figures {
  readonly blocks: readonly Block[];
  readonly account: Account;
  readonly kinds: readonly Kind[];
  readonly sent: Sent;
  readonly unrelated: Sent;
  readonly honest: readonly { readonly tenant: string; readonly way: string; readonly recorded: number }[];
  readonly inTopic: number;
  readonly metrics: string;
  readonly violations: readonly string[];
  readonly errors: readonly string[];
  readonly isRunning: boolean;
}

const RATIO_MIN = 0.8;
const MESSAGES_PER_SECOND_MIN = 500;
const BYTES_PER_SECOND_MIN = 5_000_000;
/** Resident memory of the ledger process: Node's heap, buffers of requests and fetches within their budgets, and what the allocator keeps of them. */
const MEMORY_MB_MAX = 600;
/** How much the last third of the flood may have over the first third. */
const GROWTH_MAX = 1.25;

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const sum = (values: Readonly<Record<string, number>>): number => Object.values(values).reduce((all, value) => all + value, 0);
const isFlood = ({ topic }: Block): boolean => topic === TOPIC;

function ratioOf(blocks: readonly Block[], rate: (block: Block) => number): number {
  return mean(blocks.filter(isFlood).map(rate)) / mean(blocks.filter((block) => !isFlood(block)).map(rate));
}

const perSecond = ({ messages, bytes, ms }: Sent): readonly [number, number] => [(messages * 1_000) / ms, (bytes * 1_000) / ms];

function growthOf(blocks: readonly Block[]): number {
  const maxima = blocks.filter(isFlood).map(({ memoryMb }) => memoryMb.max);
  const third = Math.max(1, Math.floor(maxima.length / 3));
  return mean(maxima.slice(-third)) / mean(maxima.slice(0, third));
}

/** Messages of the ledger's topic whose end is known: events, repeated ones, dead letters, and those that wait. */
function accounted({ account, honest, sent }: Figures): number {
  const overHttp = honest.filter(({ way }) => way === 'http').reduce((all, { recorded }) => all + recorded, 0);
  return sum(account.events) - overHttp + sent.repeats + sum(account.refused) + account.held;
}

const refusedInMetrics = (text: string): readonly (readonly [string, number])[] =>
  [...text.matchAll(/^recant_refused_events_total\{[^}]*code="(\w+)"[^}]*\} (\d+)/gm)].map(([, code = '', count = '']) => [
    code,
    Number(count),
  ]);

export function failuresOf(figures: Figures): readonly string[] {
  const { blocks, account, kinds, sent, honest, inTopic, violations, errors, isRunning } = figures;
  const failures: string[] = [...violations.map((violation) => `the verifier: ${violation}`)];
  const expect = (holds: boolean, what: string): void => void (holds || failures.push(what));
  const [messages, bytes] = perSecond(sent);
  expect(messages >= MESSAGES_PER_SECOND_MIN, `sent ${messages.toFixed(0)} messages a second, expected ${MESSAGES_PER_SECOND_MIN}`);
  expect(bytes >= BYTES_PER_SECOND_MIN, `sent ${bytes.toFixed(0)} bytes a second, expected ${BYTES_PER_SECOND_MIN}`);
  for (const { n, name } of kinds) expect((sent.kinds[n] ?? 0) + (sent.refusedKinds[n] ?? 0) > 0, `kind ${n} was never sent: ${name}`);
  const ratio = ratioOf(blocks, ({ eventsPerSecond }) => eventsPerSecond);
  expect(ratio >= RATIO_MIN, `honest tenants got ${ratio.toFixed(2)} of their rate, expected ${RATIO_MIN}`);
  for (const tenant of HONEST) {
    const own = ratioOf(blocks, (block) => tenantRate(block, tenant));
    expect(own >= RATIO_MIN, `${tenant} got ${own.toFixed(2)} of its rate, expected ${RATIO_MIN}`);
    const recorded = honest.filter((sender) => sender.tenant === tenant).reduce((all, { recorded }) => all + recorded, 0);
    expect(account.events[tenant] === recorded, `${tenant} had ${recorded} events acknowledged, ${account.events[tenant]} are recorded`);
  }
  expect(account.events[HOSTILE] === sent.events, `${sent.events} valid events were sent, ${account.events[HOSTILE]} are recorded`);
  expect(accounted(figures) === inTopic, `${inTopic} messages are in the topic, ${accounted(figures)} are accounted for`);
  const memory = Math.max(...blocks.map(({ memoryMb }) => memoryMb.max));
  expect(memory <= MEMORY_MB_MAX, `the ledger used ${memory} MiB, expected at most ${MEMORY_MB_MAX}`);
  expect(growthOf(blocks) <= GROWTH_MAX, `memory grew to ${growthOf(blocks).toFixed(2)} of what it was, expected at most ${GROWTH_MAX}`);
  expect(isRunning, 'the ledger process has ended');
  for (const error of errors) expect(false, `the log has an error: ${error.slice(0, 500)}`);
  return failures;
}

export function textOf(figures: Figures): string {
  const { blocks, account, sent, unrelated, inTopic } = figures;
  const line = (name: string, each: Sent): string => {
    const [messages, bytes] = perSecond(each);
    return `| ${name} | ${each.messages} | ${messages.toFixed(0)}/s, ${(bytes / 1e6).toFixed(1)} MB/s | ${((each.cpuMs * 1_000) / each.messages).toFixed(0)} | ${each.refused} in ${each.refusedKinds.filter(Boolean).length} kinds |`;
  };
  const of = (flood: boolean): readonly Block[] => blocks.filter((block) => isFlood(block) === flood);
  const row = (name: string, flood: boolean): string => {
    const own = of(flood);
    const rate = mean(own.map(({ eventsPerSecond }) => eventsPerSecond));
    const [http, kafka] = (['http', 'kafka'] as const).map((way) =>
      [0, 1].map((at) => Math.max(...own.map(({ batchMs }) => batchMs[way][at as 0 | 1]))),
    );
    return `| ${name} | ${rate.toFixed(0)}/s | ${http?.join(' / ')} | ${kafka?.join(' / ')} | ${Math.max(...own.map(({ memoryMb }) => memoryMb.max))} | ${Math.max(...own.map(({ behindMax }) => behindMax))} | ${(Math.max(...own.map(({ settledMs }) => settledMs)) / 1_000).toFixed(1)} |`;
  };
  const refused = Object.entries(account.refused).sort(([, a], [, b]) => b - a);
  return [
    '| hostile producer, to | messages | rate | µs of CPU a message | refused by the broker |',
    '| --- | --- | --- | --- | --- |',
    line('the ledger’s topic', sent),
    line('the unrelated topic', unrelated),
    '',
    '| flooded topic | honest events | HTTP batch, ms (worst p50 / p99 of a block) | Kafka batch until recorded, ms | memory, MiB | behind, messages | caught up, s |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    row('unrelated', false),
    row('the ledger’s', true),
    '',
    `Honest tenants: ${ratioOf(blocks, ({ eventsPerSecond }) => eventsPerSecond).toFixed(2)} of their rate; ${HONEST.map((tenant) => `${tenant} ${ratioOf(blocks, (block) => tenantRate(block, tenant)).toFixed(2)}`).join(', ')}. Memory of the last third: ${growthOf(blocks).toFixed(2)} of the first.`,
    `Messages in the ledger’s topic: ${inTopic}; events ${JSON.stringify(account.events)}, of them over Kafka and HTTP; repeated ${sent.repeats}; refused ${sum(account.refused)} in ${account.letters} dead letters; waiting ${account.held}.`,
    `Refused by code: ${refused.map(([code, count]) => `${code} ${count}`).join(', ')}.`,
    `Counters of dead letters by code: ${refusedInMetrics(figures.metrics)
      .map(([code, count]) => `${code} ${count}`)
      .join(', ')}.`,
  ].join('\n');
}
