import { Writable } from 'node:stream';
import type { RunProgressView, RunView } from '@recant/api';
import { expect, test } from 'vitest';
import { follow, watch } from '../src/cli/follow-run.ts';
import { hasEnded } from '../src/render/run.ts';
import type { Session, World } from '../src/terminal/session.ts';

const step = (ended: number, more: Partial<RunProgressView> = {}): RunProgressView => ({
  ...{ run: 'r', state: 'running', steps: 9, states: { ended }, outcomes: { restored: ended }, rowsLeft: 9 - ended, stuck: [], waits: [] },
  ...{ createdAt: '', ...more },
});

/** @param ms between two snapshots, by the clock of the command */
function stage(snapshots: readonly RunProgressView[], { isTTY = false, ms = 0, columns = 200 } = {}) {
  let [text, now] = ['', 0];
  const err = Object.assign(
    new Writable({
      write(chunk, _encoding, done) {
        text += String(chunk);
        done();
      },
    }),
    { isTTY, columns },
  );
  const stopping = new AbortController();
  const world = { err, signal: stopping.signal, nowMs: () => now } as unknown as World;
  async function* followRun() {
    for (const snapshot of snapshots) {
      yield snapshot;
      now += ms;
    }
    stopping.abort();
  }
  const client = { followRun, run: async () => ({ id: 'r', state: 'waiting' }) as RunView };
  return { world, session: { client } as unknown as Session, text: () => text };
}

test('on a terminal one line is overwritten with each snapshot, and cleared', async () => {
  const { world, session, text } = stage([step(0), step(1, { alarm: 'broken' }), step(9, { state: 'finished' }), step(3)], { isTTY: true });
  await watch(world, session, 'r', hasEnded);
  expect(text().split('\r\u001b[2K')).toEqual([
    '',
    'Run …r: running, 0 of 9 steps (0 restored), 9 rows and files to go',
    'Run …r: running, 1 of 9 steps (1 restored), 8 rows and files to go. Blocked: broken',
    'Run …r: finished, 9 of 9 steps (9 restored)',
    '',
  ]);
  const narrow = stage([step(1), step(9, { state: 'finished' })], { isTTY: true, columns: 40 });
  await watch(narrow.world, narrow.session, 'r', hasEnded);
  expect(narrow.text().split('\r\u001b[2K')[1]).toBe('Run …r: running, 1 of 9 steps (1 resto…');
});

test('elsewhere there is a line for each state and cause to wait, and one every 5 s; what a run says cannot control the terminal', async () => {
  const waits = [{ for: 'person' as const, detail: '1 step is stuck\u001b[2J' }];
  const waiting = step(3, { states: { ended: 3, stuck: 1 }, stuck: [{ code: 'locked', steps: 1 }], waits });
  const { world, session, text } = stage([step(0), step(1), step(2), waiting, step(3), step(4), step(5), step(6)], { ms: 2_000 });
  const run = await follow(world, session, { id: 'r', state: 'queued' } as RunView);
  expect(text().split('\n')).toEqual([
    'Run r: running, 0 of 9 steps (0 restored), 9 rows and files to go',
    'Run r: running, 3 of 9 steps (3 restored, 1 stuck), 6 rows and files to go. Waits: 1 step is stuck\ufffd[2J (locked)',
    'Run r: running, 3 of 9 steps (3 restored), 6 rows and files to go',
    'Run r: running, 6 of 9 steps (6 restored), 3 rows and files to go',
    '',
  ]);
  expect(run.state).toBe('waiting');
});

test('follow stops where the run waits for a person, and watches no run that does so already', async () => {
  const { world, session, text } = stage([step(1), step(2, { state: 'waiting' }), step(3)]);
  await follow(world, session, { id: 'r', state: 'queued' } as RunView);
  expect(text().split('\n')).toHaveLength(3);
  expect(world.signal.aborted).toBe(false);
  expect(await follow(world, session, { id: 'r', state: 'paused' } as RunView)).toEqual({ id: 'r', state: 'paused' });
});
