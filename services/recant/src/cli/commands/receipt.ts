import { writeFile } from 'node:fs/promises';
import { ApiError } from '@recant/client';
import type { Command } from 'commander';
import { delay } from '../../terminal/delay.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type Session, type World, withConnection } from '../../terminal/session.ts';

/** Milliseconds to wait for a checkpoint that covers a new entry. */
const PENDING_MS_MAX = 15_000;
const POLL_MS = 500;
const HELP = `
Proves to anyone with the ledger's verifier keys (\`recant log vkeys\`), offline, that the attempt's settlement is in the log (its intent, while it is
open). The file contains the entry, the path to the root, and the signed checkpoint (C2SP tlog-proof).

Example:
  recant receipt 0193f0a2-7c1e-7b43-9a52-1b2c3d4e5f60 --out order-42.tlog-proof`;

type Options = CommonOptions & { attempt?: string; out?: string };

export function addReceipt(program: Command, world: World): void {
  withConnection(program.command('receipt').description('write a proof that an action was recorded').argument('<action>', 'action id'))
    .option('--attempt <n>', 'number of the attempt (default: the last)')
    .option('--out <file>', 'file to write (default: ACTION.tlog-proof; - for stdout)')
    .addHelpText('after', HELP)
    .action((action: string, options: Options) => receipt(world, action, options));
}

async function receipt(world: World, action: string, options: Options): Promise<void> {
  const attempt = options.attempt === undefined ? undefined : Number(options.attempt);
  if (attempt !== undefined && (!Number.isInteger(attempt) || attempt < 1))
    throw new CliError(EXIT.usage, `--attempt: expected a number from 1, got ${JSON.stringify(options.attempt)}`);
  const session = await openSession(world, options);
  const text = await readReceipt(session, world, action, attempt);
  const file = options.out ?? `${action}.tlog-proof`;
  if (file === '-') return void world.out.write(session.json ? json({ action, receipt: text }) : text);
  await writeFile(file, text).catch((cause: Error) => {
    throw new CliError(EXIT.failed, `Cannot write ${file}: ${cause.message}`, 'Choose another file with --out.', { cause });
  });
  world.out.write(session.json ? json({ action, file }) : `${file}\n`);
}

async function readReceipt(session: Session, world: World, action: string, attempt: number | undefined): Promise<string> {
  const until = world.nowMs() + PENDING_MS_MAX;
  for (;;) {
    try {
      return await session.client.receipt(action, attempt);
    } catch (error) {
      if (!(error instanceof ApiError) || error.problem.code !== 'receipt_pending' || world.nowMs() >= until) throw error;
      await delay(POLL_MS, world.signal);
      world.signal.throwIfAborted();
    }
  }
}
