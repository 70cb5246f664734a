import type { Command } from 'commander';
import { painter } from '../../terminal/output.ts';
import type { World } from '../../terminal/session.ts';
import type { WitnessOptions } from '../../witness/start.ts';

const HELP = `
For a second team: a witness cosigns the checkpoints of a ledger's logs while each continues the last, and refuses a log that was changed, cut
or forked. It needs no database. Its key is made at the first start and stays in the folder, mode 0600; never restore the folder from a backup.

  ledger's team   gives its vkey:       curl -H "Authorization: Bearer $RECANT_API_KEY" $RECANT_URL/v1/tlog/vkeys
  witness's team  runs:                 recant witness --dir witness --log 'VKEY'
  ledger's team   sets what it prints:  RECANT_WITNESSES='http://127.0.0.1:7310 VKEY'

Environment: RECANT_WITNESS_LOG_LEVEL; TLS: RECANT_TLS_CERT_FILE, RECANT_TLS_KEY_FILE, RECANT_INSECURE_HTTP. Vkeys may also stand in the folder's file log-keys, one a line.`;

export function addWitness(program: Command, world: World): void {
  program
    .command('witness')
    .description("cosign the checkpoints of another team's ledger, until Ctrl-C")
    .option('--dir <folder>', 'where its key and its memory are kept', 'recant-witness')
    .option('--log <vkey...>', 'keys of the ledgers whose logs it takes')
    .option('--name <name>', 'what it is called, at the first start (default recant-witness/<8 hex>)')
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on, 0 for any free one (default 7310)')
    .addHelpText('after', HELP)
    .action(async (options: WitnessOptions) => {
      // Loaded only here: the other commands start several times as fast without the service.
      const { startWitness } = await import('../../witness/start.ts');
      const running = await startWitness(options, world);
      const paint = painter(world.out);
      world.out.write(
        `${paint('bold', 'Recant witness')} at ${running.url}, for ${running.logs.join(', ')}\n\n` +
          `Its vkey:  ${running.vkey}\nFor the ledger:\n  RECANT_WITNESSES='${running.url} ${running.vkey}'\n\nCtrl-C stops it.\n`,
      );
      await running.ended;
      world.err.write('Stopping ...\n');
      await running.stop();
    });
}
