import type { Command } from 'commander';
import { painter } from '../../terminal/output.ts';
import { progressLine } from '../../terminal/progress.ts';
import { type World, withFolder } from '../../terminal/session.ts';
import type { UpOptions } from '../../up/settings.ts';
import { secretsText, upText } from '../../up/text.ts';

const HELP = `
Runs ledger and rollback in one process on one port, with PostgreSQL in the data folder or at DATABASE_URL. The first start creates API keys and the
password of the local person, and prints them once. Ctrl-C stops it; after a crash, the next start recovers.

Environment: DATABASE_URL, KAFKA_BROKERS, RECANT_DIR, RECANT_HOST, RECANT_PORT, RECANT_MASTER_KEY_FILE, RECANT_SHARDS, RECANT_LOG_LEVEL, RECANT_AGENT_LEASE_MS;
TLS: RECANT_TLS_CERT_FILE, RECANT_TLS_KEY_FILE, RECANT_TLS_CLIENT_CA_FILE, RECANT_CA_FILE, RECANT_PUBLIC_URL, RECANT_INSECURE_HTTP;
signing: RECANT_LEDGER_NAME, RECANT_SIGNING_KEY_FILE; anchors and witnesses: RECANT_ANCHOR_DIR, RECANT_ANCHOR_S3_*, RECANT_WITNESSES;
sign-in of people: RECANT_OIDC_*; approval by a second person: RECANT_APPROVALS.

Examples:
  recant up
  recant up --kafka --port 0
  DATABASE_URL=postgres://recant:...@db.example/recant recant up`;

export function addUp(program: Command, world: World): void {
  withFolder(program.command('up').description('start all services in this process, until Ctrl-C'))
    .option('--host <host>', 'address to listen on (RECANT_HOST; default 127.0.0.1)')
    .option('--port <port>', 'port to listen on, 0 for any free port (RECANT_PORT; default 7300)')
    .option('--agent-lease <ms>', 'how long agents may act without an answer of the ledger (RECANT_AGENT_LEASE_MS; default 5000)')
    .option('--kafka', 'also read events from Kafka at KAFKA_BROKERS; if unset, starts a broker in the data folder')
    .addHelpText('after', HELP)
    .action(async (options: UpOptions) => {
      // Loaded on demand: without the services, other commands start several times as fast.
      const [{ readSettings }, { startUp }] = await Promise.all([import('../../up/settings.ts'), import('../../up/start.ts')]);
      const settings = readSettings(options, world.env);
      const progress = progressLine(world.err);
      const running = await startUp(settings, {
        progress: (text) => progress.note(text),
        signal: world.signal,
        onFailure: (created) => {
          progress.done();
          world.out.write(secretsText(created));
        },
      }).finally(() => progress.done());
      world.out.write(upText(running, painter(world.out)));
      await running.ended;
      world.err.write('Stopping ...\n');
      await running.stop();
    });
}
