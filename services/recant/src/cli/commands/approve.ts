import { parseDurationMs } from '@recant/api';
import { createClient } from '@recant/client';
import { type Command, InvalidArgumentError } from 'commander';
import { givenWords } from '../../render/approval.ts';
import { type ConnectionOptions, findUrl } from '../../terminal/connection.ts';
import { json, painter } from '../../terminal/output.ts';
import { findPerson } from '../../terminal/person.ts';
import type { World } from '../../terminal/session.ts';
import { agreedDigest, digestOf } from '../confirm.ts';

const HELP = `
Keys cannot approve, only people can, and not whoever asked for the plan. Shows the plan and asks for the beginning of its digest; --digest insists on one
instead. As whom: RECANT_TOKEN (an access token of the OpenID provider), else RECANT_PASSWORD of the local person \`operator\`; without either it asks for
that password.
Exit code 3: not by you, or another digest.

Examples:
  recant approve PLAN
  RECANT_TOKEN=... recant approve PLAN --digest 3f6c... --for 15m`;

type ApproveOptions = Omit<ConnectionOptions, 'key'> & { digest?: string; for?: number; json?: boolean };

export function addApprove(program: Command, world: World): void {
  program
    .command('approve')
    .description('say, as a second person, that a plan may run')
    .argument('<plan>', 'its id')
    .option('--digest <sha256>', 'approve only if the plan has this digest', digestOf)
    .option('--for <duration>', 'how long it is good for, from 1m to 24h (default 1h)', secondsOf)
    .option('--json', 'print JSON for programs instead of text for people')
    .option('--url <address>', 'address of the service (RECANT_URL; default: what `recant up` left in --dir)')
    .option('--dir <folder>', 'folder of `recant up` (RECANT_DIR; default .recant)')
    .addHelpText('after', HELP)
    .action(async (id: string, options: ApproveOptions) => {
      const url = await findUrl(options, world.env);
      const client = createClient({ url, ...(await findPerson(world)) });
      const plan = await client.plan(id);
      const question = `Approve the undoing of ${plan.body.steps.length} attempts?`;
      const digest = options.digest ?? (await agreedDigest(world, plan, painter(world.out), question, `Say --digest ${plan.digest}.`));
      const given = await client.approve(id, digest, options.for);
      world.out.write(options.json ? json(given) : `Plan ${plan.id} is approved ${givenWords(given)}. Next: recant run ${plan.id}\n`);
    });
}

function secondsOf(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined || ms % 1_000 !== 0 || ms < 60_000 || ms > 86_400_000)
    throw new InvalidArgumentError('Give a number and a unit, from 1m to 24h: 90s, 15m, 2h.');
  return ms / 1_000;
}
