import { parseDurationMs } from '@recant/api';
import { createClient } from '@recant/client';
import { type Command, InvalidArgumentError } from 'commander';
import { approverText } from '../../render/approval.ts';
import { type ConnectionOptions, findUrl } from '../../terminal/connection.ts';
import { count, json, painter } from '../../terminal/output.ts';
import { findPerson } from '../../terminal/person.ts';
import { reasonOf, type World, withFolder, withJson, withReason } from '../../terminal/session.ts';
import { confirmDigest, digestOf } from '../confirm.ts';

const HELP = `
Only people can approve, not keys, and nobody can approve their own plan. Shows the plan and asks for the start of its digest; --digest
approves that digest without asking. Authenticates with RECANT_TOKEN (an access token of the OpenID provider), else RECANT_PASSWORD of the
local person \`operator\`, else asks for that password.
Exit code 3: refused, or the plan has another digest.

Examples:
  recant approve PLAN
  RECANT_TOKEN=... recant approve PLAN --digest 3f6c... --for 15m`;

type ApproveOptions = Omit<ConnectionOptions, 'key'> & { digest?: string; for?: number; json?: boolean; reason?: string };

export function addApprove(program: Command, world: World): void {
  withReason(withFolder(withJson(program.command('approve').description('approve a plan as a second person'))))
    .argument('<plan>', 'plan id')
    .option('--digest <sha256>', 'approve only a plan with this digest', digestOf)
    .option('--for <duration>', 'validity, from 1m to 24h (default 1h)', secondsOf)
    .option('--url <address>', 'address of the service (RECANT_URL; default: from the data folder)')
    .addHelpText('after', HELP)
    .action(async (id: string, options: ApproveOptions) => {
      const url = await findUrl(options, world.env);
      const client = createClient({ url, ...reasonOf(options), ...(await findPerson(world)) });
      const plan = await client.plan(id);
      const question = `Approve undoing ${count(plan.body.steps.length, 'attempt')}?`;
      const digest = options.digest ?? (await confirmDigest(world, plan, painter(world.out), question, `Pass --digest ${plan.digest}.`));
      const given = await client.approve(id, digest, options.for);
      world.out.write(options.json ? json(given) : `Plan ${plan.id} is approved ${approverText(given)}. Next: recant run ${plan.id}\n`);
    });
}

function secondsOf(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined || ms % 1_000 !== 0 || ms < 60_000 || ms > 86_400_000)
    throw new InvalidArgumentError('Expected a duration from 1m to 24h: 90s, 15m, 2h.');
  return ms / 1_000;
}
