/** A caller for tests to kill: starts a server in the given folder, prints one line of JSON, and waits. */
import { startPostgres } from '../src/index.ts';

const [dataDir = '', wait = 'wait'] = process.argv.slice(2);
try {
  const postgres = await startPostgres({ dataDir, durable: false });
  process.stdout.write(`${JSON.stringify({ ownerUrl: postgres.ownerUrl, pid: postgres.pid })}\n`);
  if (wait === 'wait') setInterval(() => {}, 60_000);
  else await postgres.stop();
} catch (error) {
  process.stdout.write(`${JSON.stringify({ code: (error as { code?: string }).code, message: (error as Error).message })}\n`);
}
