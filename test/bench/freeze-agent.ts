import { setTimeout as delay } from 'node:timers/promises';
import { createRecant } from '@recant/sdk';

/** Milliseconds between two actions. */
const PAUSE_MS = 1_000;

/** An agent in a process of its own: it acts once a second and tells its parent the moment of each effect, in milliseconds since 1970. */
const { BENCH_URL: url = '', BENCH_KEY: apiKey = '', BENCH_AGENT: agent = '' } = process.env;
const recant = createRecant({ url, apiKey, agent, onProblem: () => undefined });
process.once('disconnect', () => process.exit());
for (;;) {
  await recant.action('touch', {}, () => process.send?.(performance.timeOrigin + performance.now())).catch(() => undefined);
  await delay(PAUSE_MS * (0.5 + Math.random()));
}
