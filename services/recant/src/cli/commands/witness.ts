import type { Command } from 'commander';
import { painter } from '../../terminal/output.ts';
import type { World } from '../../terminal/session.ts';
import type { WitnessOptions } from '../../witness/start.ts';

const HELP = `
Run by a second team: a witness cosigns a checkpoint if it continues the last one, and refuses a log that was changed, truncated or forked. It needs
no database. The first start creates its key in the folder, mode 0600. Never restore the folder from a backup.

  ledger's team   prints its vkey:      recant log vkeys
  witness's team  runs:                 recant witness --dir witness --log 'VKEY'
  ledger's team   sets the output:      RECANT_WITNESSES='http://127.0.0.1:7310 VKEY'

Environment: RECANT_WITNESS_LOG_LEVEL; TLS: RECANT_TLS_CERT_FILE, RECANT_TLS_KEY_FILE, RECANT_INSECURE_HTTP. The file log-keys in the folder may list
vkeys too, one a line.`;

export function addWitness(program: Command, world: World): void {
  program
    .command('witness')
    .description("cosign the checkpoints of another team's ledger, until Ctrl-C")
    .option('--dir <folder>', 'folder for the key and the last checkpoints', 'recant-witness')
    .option('--log <vkey...>', 'verifier keys of the ledgers to witness')
    .option('--name <name>', 'name of the witness, for the first start (default recant-witness/<8 hex>)')
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on, 0 for any free port (default 7310)')
    .addHelpText('after', HELP)
    .action(async (options: WitnessOptions) => {
      // Loaded on demand: without the service, other commands start several times as fast.
      const { startWitness } = await import('../../witness/start.ts');
      const running = await startWitness(options, world);
      const paint = painter(world.out);
      world.out.write(
        `${paint('bold', 'Recant witness')} at ${running.url}, for ${running.logs.join(', ')}\n\n` +
          `vkey:  ${running.vkey}\nSetting of the ledger:\n  RECANT_WITNESSES='${running.url} ${running.vkey}'\n\nCtrl-C stops.\n`,
      );
      await running.ended;
      world.err.write('Stopping ...\n');
      await running.stop();
    });
}
