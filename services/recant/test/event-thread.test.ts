import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeEvent, eventId, formatSequence } from '@recant/events';
import { createEventCheck, type EventBatch, type EventCheck } from '@recant/verifier';
import { expect, it } from 'vitest';
import { threadedEventCheck } from '../src/evidence/event-thread.ts';
import { scratchFile } from '../src/evidence/scratch-file.ts';

const TIME = '2026-11-23T09:30:00.000Z';

function heartbeat(n: number): Uint8Array {
  return encodeEvent({
    ...{ specversion: '1.0', id: eventId.heartbeat(n), source: 'recant://acme/1', type: 'recant.source.heartbeat.v1' },
    ...{ time: TIME, sequence: formatSequence(n), agent: 'agent-1', data: { nothingOlderThan: TIME } },
  });
}

function batchOf(bodies: readonly Uint8Array[], first: number): EventBatch {
  let end = 0;
  const ends = Uint32Array.from(bodies, (body) => {
    end += body.length;
    return end;
  });
  const indexes = Float64Array.from(bodies, (_, n) => first + n);
  return { tenant: 'acme', shard: 0, shards: 1, bytes: new Uint8Array(Buffer.concat(bodies)), ends, indexes };
}

/** Ten sequence numbers with one gap and one duplicate. */
async function findings(check: EventCheck) {
  const numbers = [1, 2, 3, 5, 6, 7, 8, 9, 10, 2];
  const results = await Promise.all(
    [numbers.slice(0, 5), numbers.slice(5)].map((some, n) => check.checkBatch(batchOf(some.map(heartbeat), n * 5))),
  );
  return { broken: results.map(({ broken }) => broken), ...(await check.finish(new Set())) };
}

it('a second thread returns the findings of this thread', async () => {
  await using thread = threadedEventCheck();
  const found = await findings(thread);
  expect(found).toEqual(await findings(createEventCheck()));
  expect(found).toMatchObject({ duplicate: { rule: 'key_duplicate', index: 9n }, warnings: [{ rule: 'source_gap', index: 3n }] });
});

it('a second thread reports the first invalid event', async () => {
  await using thread = threadedEventCheck();
  const { broken } = await thread.checkBatch(batchOf([heartbeat(1), Buffer.from('{}'), Buffer.from('[]')], 7));
  expect(broken).toMatchObject({ rule: 'event_invalid', shard: 0, index: 8n });
});

it('a thread that exited rejects with an error', async () => {
  const thread = threadedEventCheck();
  await thread.checkBatch(batchOf([heartbeat(1)], 0));
  await thread[Symbol.asyncDispose]();
  await expect(thread.finish(new Set())).rejects.toThrow('event-check thread exited');
});

it('scratch space returns the data of each partition in order, and leaves its folder empty', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'recant-scratch-'));
  try {
    using scratch = scratchFile(folder);
    await scratch.append(1, Buffer.from('a'));
    await scratch.append(2, Buffer.from('xy'));
    await scratch.append(1, Buffer.from('bc'));
    expect(await readdir(folder)).toEqual([]);
    expect(await Promise.all([0, 1, 2].map(async (n) => String(await scratch.read(n))))).toEqual(['', 'abc', 'xy']);
  } finally {
    await rm(folder, { recursive: true });
  }
});
