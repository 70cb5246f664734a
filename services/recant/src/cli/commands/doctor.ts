import type { Command } from 'commander';
import { doctorText } from '../../render/doctor.ts';
import { EXIT } from '../../terminal/exit.ts';
import { json, painter } from '../../terminal/output.ts';
import { type CommonOptions, type World, withConnection } from '../../terminal/session.ts';

const HELP = `
Finds wiring that looks like success: systems that agents name and nobody registered, keys without resources, tables that are not captured, a broker,
anchor or witness that does not answer, settings of topics, clocks, disks, versions, roles. Each finding has the command that mends it.
Run it where the service runs, with its environment (DATABASE_URL, KAFKA_BROKERS, RECANT_ANCHOR_*, RECANT_WITNESSES): what is not set is not checked.
It changes nothing, and prints no secret.

Exit codes: 0 everything was checked and is fine, 7 something was found or could not be checked.

Examples:
  recant doctor
  recant doctor --json`;

export function addDoctor(program: Command, world: World, exit: (code: number) => void): void {
  withConnection(program.command('doctor').description('find wiring faults that look like success'))
    .addHelpText('after', HELP)
    .action(async (options: CommonOptions) => {
      // Loaded on demand: without it, other commands start several times as fast.
      const { examine } = await import('../../doctor/doctor.ts');
      const reports = await examine(options, world);
      world.out.write(options.json ? json({ checks: reports }) : doctorText(reports, painter(world.out)));
      if (reports.some(({ state }) => state === 'found' || state === 'unchecked')) exit(EXIT.found);
    });
}
