import { createLock } from '../src/store/lock.ts';

/** Owns a lock until it is killed. */
await createLock(process.argv[2] ?? '', 10_000).withLock(async () => {
  process.stdout.write('owned\n');
  await new Promise((never) => setInterval(never, 2 ** 30));
});
