import { type CreateKeyBody, Role } from '@recant/api';
import { parseApiKey, percentEncode } from '@recant/events';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { keyNote, keyStateText, noResourceWarning } from '../../render/key.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection, withReason } from '../../terminal/session.ts';
import { table } from '../../terminal/table.ts';
import { clockTime } from '../../terminal/time.ts';
import { several } from '../options.ts';

const HELP = `
A key for an agent limits whom it may record as (--agent) and which effects that it
reports, on folders, can be undone (--resource). Without --expires it does not expire. The key goes to stdout, everything else to stderr.

Examples:
  recant keys create --agent pricing-bot --resource "postgres://shop/*" --resource "filesystem://catalogue/*" --expires 90d
  recant keys create --role view --role plan --role execute --expires 2027-01-01T00:00:00Z`;
const ROTATE_HELP = `
The new key has the same roles, agents, source prefix, resources and lifetime. Both keys work during the overlap. The ledger must read events that
were sent over Kafka under the old key within the overlap; later ones become dead letters.

Examples:
  recant keys rotate 3f6c0a9be1d24c7788aa
  recant keys rotate 3f6c0a9be1d24c7788aa --overlap 1h
  recant keys rotate 3f6c0a9be1d24c7788aa --overlap 0 --expires 30d`;

type CreateOptions = CommonOptions & {
  label?: string;
  role?: Role[];
  agent?: string[];
  resource?: string[];
  sourcePrefix?: string;
  expires?: string;
  person?: string;
};
type RotateOptions = CommonOptions & { overlap?: string; expires?: string };

export function addKeys(program: Command, world: World): void {
  const keys = program.command('keys').description('manage API keys');
  withReason(withConnection(keys.command('create').description('create a key; it is shown once')))
    .addOption(
      new Option(
        '--role <role>',
        'emit (default, for agents), view, plan, execute, export, administer, unseal or monitor; repeatable',
      ).argParser(roleOf),
    )
    .option('--agent <name>', 'agent that it may record as, exact or ending in *; repeatable', several)
    .option('--resource <pattern>', 'resources whose changes can be undone, exact or ending in *; repeatable', several)
    .option('--source-prefix <uri>', 'prefix of its event sources (default recant://AGENT)')
    .option('--person <subject>', 'person whom the key is for; neither they nor you can then approve a plan that is requested with it')
    .option('--label <text>', 'note, shown by `keys list`')
    .option('--expires <when>', 'lifetime (90d, 12h) or end (2027-01-01T00:00:00Z); at most ten years')
    .addHelpText('after', HELP)
    .action((options: CreateOptions) => create(world, options));
  withReason(
    withConnection(
      keys
        .command('rotate')
        .description('create a successor, shown once; the old key expires after an overlap')
        .argument('<key-id>', 'key id, from `recant keys list`'),
    ),
  )
    .option('--overlap <duration>', 'how long the old key still works, at most 30d; 0 revokes it at once (default 24h)')
    .option('--expires <when>', 'lifetime or end of the new key, as for `create`')
    .addHelpText('after', ROTATE_HELP)
    .action((key: string, options: RotateOptions) => rotate(world, idIn(key), options));
  withConnection(keys.command('list').description('list keys without their secrets, newest first'))
    .addHelpText('after', '\nExample:\n  recant keys list')
    .action((options: CommonOptions) => list(world, options));
  withReason(
    withConnection(
      keys
        .command('revoke')
        .description('revoke a key; nothing is recorded under it after the answer')
        .argument('<key-id>', 'key id, from `recant keys list`'),
    ),
  )
    .addHelpText('after', '\nExample:\n  recant keys revoke 3f6c0a9be1d24c7788aa --reason "INC-7: agent misbehaves"')
    .action((key: string, options: CommonOptions) => revoke(world, idIn(key), options));
}

/** Takes a whole key for its id; the secret is not sent. */
const idIn = (key: string): string => parseApiKey(key)?.keyId ?? key;

function roleOf(value: string, before: Role[] | undefined): Role[] {
  const role = Role.safeParse(value);
  if (!role.success || role.data === 'approve')
    throw new InvalidArgumentError(
      `Expected one of ${Role.options.filter((option) => option !== 'approve').join(', ')}; only people can approve.`,
    );
  return [...(before ?? []), role.data];
}

export function keyRequest(options: Omit<CreateOptions, keyof CommonOptions>): CreateKeyBody {
  const agents = options.agent ?? [];
  const roles = options.role ?? ['emit'];
  if (roles.includes('emit') && agents.length === 0)
    throw new CliError(
      EXIT.usage,
      'A key with role emit needs --agent',
      'Name the agent that it records as, or pass other roles with --role.',
    );
  return {
    roles,
    agents,
    resources: options.resource ?? [],
    sourcePrefix: options.sourcePrefix ?? defaultPrefix(agents),
    ...(options.label === undefined ? {} : { label: options.label }),
    ...(options.expires === undefined ? {} : { expires: options.expires }),
    ...(options.person === undefined ? {} : { person: options.person }),
  };
}

/** The prefix of the SDK's sources. Prefixes match up to a slash, so several agents share only `recant://`. */
function defaultPrefix(agents: readonly string[]): string {
  const [agent = '*'] = agents;
  return agents.length === 1 && !agent.endsWith('*') ? `recant://${percentEncode(agent)}` : 'recant://';
}

async function create(world: World, options: CreateOptions): Promise<void> {
  const session = await openSession(world, options);
  const asked = keyRequest(options);
  const made = await session.client.createKey(asked);
  if (session.json) return void world.out.write(json(made));
  world.out.write(`${made.apiKey}\n`);
  const expiry = made.expiresAt === undefined ? 'does not expire' : `expires ${clockTime(Date.parse(made.expiresAt))}`;
  world.err.write(
    `Key ${made.keyId} (${made.roles.join(', ')}), ${expiry}. Save it now, it won't be shown again; programs read it from RECANT_API_KEY.\n`,
  );
  world.err.write(noResourceWarning(asked));
}

async function rotate(world: World, keyId: string, { overlap, expires, ...options }: RotateOptions): Promise<void> {
  const session = await openSession(world, options);
  const rotation = { ...(overlap === undefined ? {} : { overlap }), ...(expires === undefined ? {} : { expires }) };
  const made = await session.client.rotateKey(keyId, rotation);
  if (session.json) return void world.out.write(json(made));
  world.out.write(`${made.apiKey}\n`);
  const revoked = Date.parse(made.predecessorEndsAt) <= world.nowMs();
  const old = revoked ? 'is revoked' : `works until ${clockTime(Date.parse(made.predecessorEndsAt))}`;
  world.err.write(`Key ${made.keyId}. Save it now, it won't be shown again. The old key ${keyId} ${old}.\n`);
  if (parseApiKey(session.connection.apiKey)?.keyId === keyId)
    world.err.write(`This command used the old key (from ${session.connection.credential.source}): use the new one from now on.\n`);
}

async function revoke(world: World, keyId: string, options: CommonOptions): Promise<void> {
  const session = await openSession(world, options);
  await session.client.revokeKey(keyId);
  world.out.write(session.json ? json({ keyId, revoked: true }) : `Revoked ${keyId}.\n`);
}

async function list(world: World, options: CommonOptions): Promise<void> {
  const session = await openSession(world, options);
  const items = await session.client.keys();
  if (session.json) return void world.out.write(json(items));
  const rows = items.map((key) => [
    ...[key.keyId, keyStateText(key, world.nowMs()), key.roles.join(' '), key.agents.join(' ') || '-', key.sourcePrefix],
    ...[key.resources.join(' ') || '-', key.people.map((one) => one.replace(/^person:/, '')).join(' ') || '-', keyNote(key)],
  ]);
  world.out.write(`${table(['key', 'state', 'roles', 'agents', 'source prefix', 'resources', 'people', 'note'], rows, session.paint)}\n`);
}
