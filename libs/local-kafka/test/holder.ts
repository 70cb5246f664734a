/** A caller for tests to kill: starts a broker in the given (or a temporary) folder, prints one line of JSON, and waits. */
import { startKafka } from '../src/index.ts';

const [dir] = process.argv.slice(2);
const kafka = await startKafka(dir === undefined ? {} : { dir });
process.stdout.write(`${JSON.stringify({ pid: kafka.pid, dir: kafka.dir })}\n`);
setInterval(() => {}, 60_000);
