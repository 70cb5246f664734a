import { parseDurationMs } from '@recant/api';
import { type Client, createClient } from '@recant/client';
import { type Command, InvalidArgumentError } from 'commander';
import { approverText } from '../../render/approval.ts';
import { type ConnectionOptions, findUrl } from '../../terminal/connection.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { count, json, painter } from '../../terminal/output.ts';
import { findPerson } from '../../terminal/person.ts';
import { reasonOf, type World, withFolder, withJson, withReason } from '../../terminal/session.ts';
import { confirmDigest, digestOf } from '../confirm.ts';
import { fullId } from '../short-id.ts';

const HELP = `
Only people can approve, not keys, and nobody can approve their own plan. Shows the plan and asks for the start of its digest; --digest
approves that digest without asking. --withdraw takes back all approvals of the plan, also those of other people, until its run starts.
Approving a plan whose run was started without an approval (recant run --break-glass) reviews that run and ends its alarm. Authenticates with RECANT_TOKEN (an access token of the OpenID provider), else RECANT_PASSWORD of the
local person \`operator\`, else asks for that password.
Exit code 3: refused, or the plan has another digest.

Examples:
  recant approve PLAN
  RECANT_TOKEN=... recant approve PLAN --digest 3f6c... --for 15m
  recant approve PLAN --withdraw --reason "wrong window"`;

type ApproveOptions = Omit<ConnectionOptions, 'key'> & {
  digest?: string;
  for?: number;
  withdraw?: boolean;
  json?: boolean;
  reason?: string;
};

export function addApprove(program: Command, world: World): void {
  withReason(withFolder(withJson(program.command('approve').description('approve a plan as a second person'))))
    .argument('<plan>', 'plan id')
    .option('--digest <sha256>', 'approve only a plan with this digest', digestOf)
    .option('--for <duration>', 'validity, from 1m to 24h (default 1h)', secondsOf)
    .option('--withdraw', 'take back the approvals of the plan, before its run starts')
    .option('--url <address>', 'address of the service (RECANT_URL; default: from the data folder)')
    .addHelpText('after', HELP)
    .action(async (short: string, options: ApproveOptions) => {
      const url = await findUrl(options, world.env);
      const client = createClient({ url, ...reasonOf(options), ...(await findPerson(world)) });
      const id = await fullId(client, ['plan'], short);
      if (options.withdraw) return withdraw(world, client, id, options);
      const plan = await client.plan(id);
      const question = `Approve undoing ${count(plan.counts.steps, 'attempt')}?`;
      const digest =
        options.digest ?? (await confirmDigest(world, client, plan, painter(world.out), question, `Pass --digest ${plan.digest}.`));
      const given = await client.approve(id, digest, options.for);
      world.out.write(options.json ? json(given) : `Plan ${plan.id} is approved ${approverText(given)}. Next: recant run ${plan.id}\n`);
    });
}

async function withdraw(world: World, client: Client, plan: string, { digest, for: seconds, json: asJson }: ApproveOptions): Promise<void> {
  if (digest !== undefined || seconds !== undefined)
    throw new CliError(EXIT.usage, '--withdraw applies to all approvals of the plan', 'Leave out --digest and --for.');
  const state = await client.withdrawApprovals(plan);
  world.out.write(asJson ? json(state) : `The approvals of plan ${plan} are withdrawn.\n`);
}

function secondsOf(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined || ms % 1_000 !== 0 || ms < 60_000 || ms > 86_400_000)
    throw new InvalidArgumentError('Expected a duration from 1m to 24h: 90s, 15m, 2h.');
  return ms / 1_000;
}
