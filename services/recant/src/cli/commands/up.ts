import type { Command } from 'commander';
import { painter } from '../../terminal/output.ts';
import { progressLine } from '../../terminal/progress.ts';
import type { World } from '../../terminal/session.ts';
import type { UpOptions } from '../../up/settings.ts';
import { upText } from '../../up/text.ts';

const HELP = `
One process: ledger and rollback on one port, PostgreSQL in the folder, or the one that DATABASE_URL names. Keys and the password of
the one local person are made at the first start and printed once. Ctrl-C stops it in order; after a crash the next start recovers.

Environment: DATABASE_URL, KAFKA_BROKERS, RECANT_DIR, RECANT_HOST, RECANT_PORT, RECANT_MASTER_KEY_FILE, RECANT_SHARDS, RECANT_LOG_LEVEL;
RECANT_TLS_CERT_FILE, RECANT_TLS_KEY_FILE, RECANT_TLS_CLIENT_CA_FILE, RECANT_CA_FILE, RECANT_PUBLIC_URL, RECANT_INSECURE_HTTP;
RECANT_LEDGER_NAME, RECANT_SIGNING_KEY_FILE; where checkpoints go: RECANT_ANCHOR_DIR, RECANT_ANCHOR_S3_*, RECANT_WITNESSES;
who vouches for people: RECANT_OIDC_*; which plans need a second person: RECANT_APPROVALS.

Examples:
  recant up
  recant up --kafka --port 0
  DATABASE_URL=postgres://recant:...@db.example/recant recant up`;

export function addUp(program: Command, world: World): void {
  program
    .command('up')
    .description('start everything here, until Ctrl-C')
    .option('--dir <folder>', 'where everything is kept (RECANT_DIR; default .recant)')
    .option('--host <host>', 'address to listen on (RECANT_HOST; default 127.0.0.1)')
    .option('--port <port>', 'port to listen on, 0 for any free one (RECANT_PORT; default 7300)')
    .option('--kafka', 'also take events from Kafka: a broker in the folder, or KAFKA_BROKERS')
    .addHelpText('after', HELP)
    .action(async (options: UpOptions) => {
      // Loaded only here: the other commands start several times as fast without the services.
      const [{ readSettings }, { startUp }] = await Promise.all([import('../../up/settings.ts'), import('../../up/start.ts')]);
      const settings = readSettings(options, world.env);
      const progress = progressLine(world.err);
      const running = await startUp(settings, { tell: (text) => progress.note(text), signal: world.signal }).finally(() => progress.done());
      world.out.write(upText(running, painter(world.out)));
      await running.ended;
      world.err.write('Stopping ...\n');
      await running.stop();
    });
}
