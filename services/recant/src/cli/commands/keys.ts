import { type CreateKeyBody, Role } from '@recant/api';
import { parseApiKey, percentEncode } from '@recant/events';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { keyNoteWords, keyStateWords, undoableWords } from '../../render/key.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json, table } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type World, withConnection } from '../../terminal/session.ts';
import { clockTime } from '../../terminal/time.ts';
import { several } from '../options.ts';

const HELP = `
A key for an agent says as whom it may record (--agent) and what may be undone on its word (--resource). Without --expires it does not expire.

Examples:
  recant keys create --agent pricing-bot --resource "postgres://shop/*" --resource "filesystem://catalogue/*" --expires 90d
  recant keys create --role view --role plan --role execute --expires 2027-01-01T00:00:00Z`;
const ROTATE_HELP = `
The new key has the same roles, agents, source prefix and resources, and lives as long as the old one was made to. What an agent sends over Kafka under
the old key has to be read by the ledger within the overlap; later it is refused, and kept as a dead letter.

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
};
type RotateOptions = CommonOptions & { overlap?: string; expires?: string };

export function addKeys(program: Command, world: World): void {
  const keys = program.command('keys').description('API keys: create, rotate, list, revoke');
  withConnection(keys.command('create').description('make a key; it is shown once'))
    .addOption(
      new Option(
        '--role <role>',
        'emit (the default, for agents), view, plan, execute, export, administer or unseal; may be repeated',
      ).argParser(roleOf),
    )
    .option('--agent <name>', 'agent it may speak for, exact or ending in *; may be repeated', several)
    .option('--resource <pattern>', 'what may be undone on its word: a resource, or the beginning of one and *; may be repeated', several)
    .option('--source-prefix <uri>', 'what its sources begin with (default recant://AGENT)')
    .option('--label <text>', 'what it is for, as `keys list` shows it')
    .option('--expires <when>', 'how long it works (90d, 12h) or until when (2027-01-01T00:00:00Z); at most ten years')
    .addHelpText('after', HELP)
    .action((options: CreateOptions) => create(world, options));
  withConnection(
    keys
      .command('rotate')
      .description('make a successor, shown once; the old key goes on working for a while, then ends')
      .argument('<key-id>', 'as `list` shows it'),
  )
    .option('--overlap <duration>', 'how long the old key goes on working, at most 30d; 0 revokes it (default 24h)')
    .option('--expires <when>', 'when the new key expires, as for `create`')
    .addHelpText('after', ROTATE_HELP)
    .action((key: string, options: RotateOptions) => rotate(world, idIn(key), options));
  withConnection(keys.command('list').description('the keys there are, without their secrets: active, rotated, expired or revoked'))
    .addHelpText('after', '\nExample:\n  recant keys list')
    .action((options: CommonOptions) => list(world, options));
  withConnection(
    keys
      .command('revoke')
      .description('end a key: once this is answered, nothing more is recorded under it')
      .argument('<key-id>', 'as `list` shows it'),
  )
    .addHelpText('after', '\nExample:\n  recant keys revoke 3f6c0a9be1d24c7788aa')
    .action((key: string, options: CommonOptions) => revoke(world, idIn(key), options));
}

/** Whoever has the key itself need not look for its id, and its secret goes nowhere. */
const idIn = (key: string): string => parseApiKey(key)?.keyId ?? key;

function roleOf(value: string, before: Role[] | undefined): Role[] {
  const role = Role.safeParse(value);
  if (!role.success || role.data === 'approve')
    throw new InvalidArgumentError(`One of ${Role.options.filter((option) => option !== 'approve').join(', ')}; only people approve.`);
  return [...(before ?? []), role.data];
}

export function keyRequest(options: Omit<CreateOptions, keyof CommonOptions>): CreateKeyBody {
  const agents = options.agent ?? [];
  const roles = options.role ?? ['emit'];
  if (roles.includes('emit') && agents.length === 0)
    throw new CliError(EXIT.usage, 'A key for agents needs to know as whom it may record', 'Name an --agent, or other roles with --role.');
  return {
    roles,
    agents,
    resources: options.resource ?? [],
    sourcePrefix: options.sourcePrefix ?? defaultPrefix(agents),
    ...(options.label === undefined ? {} : { label: options.label }),
    ...(options.expires === undefined ? {} : { expires: options.expires }),
  };
}

/** What the SDK begins its sources with. Prefixes end at a slash, so several agents share only the beginning of all. */
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
  const until = made.expiresAt === undefined ? 'It does not expire' : `It works until ${clockTime(Date.parse(made.expiresAt))}`;
  world.err.write(
    `Key ${made.keyId} (${made.roles.join(', ')}). ${until}, and is not shown again: RECANT_API_KEY is where programs look for it.\n`,
  );
  world.err.write(undoableWords(asked));
}

async function rotate(world: World, keyId: string, { overlap, expires, ...options }: RotateOptions): Promise<void> {
  const session = await openSession(world, options);
  const rotation = { ...(overlap === undefined ? {} : { overlap }), ...(expires === undefined ? {} : { expires }) };
  const made = await session.client.rotateKey(keyId, rotation);
  if (session.json) return void world.out.write(json(made));
  world.out.write(`${made.apiKey}\n`);
  const ended = Date.parse(made.predecessorEndsAt) <= world.nowMs();
  const old = ended ? 'is revoked' : `works until ${clockTime(Date.parse(made.predecessorEndsAt))}`;
  world.err.write(`Key ${made.keyId} is not shown again. The old one, ${keyId}, ${old}.\n`);
  if (parseApiKey(session.connection.apiKey)?.keyId === keyId)
    world.err.write('It is the key that this command was called with: give the new one as RECANT_API_KEY from now on.\n');
}

async function revoke(world: World, keyId: string, options: CommonOptions): Promise<void> {
  const session = await openSession(world, options);
  await session.client.revokeKey(keyId);
  world.out.write(session.json ? json({ keyId, revoked: true }) : `${keyId} is revoked.\n`);
}

async function list(world: World, options: CommonOptions): Promise<void> {
  const session = await openSession(world, options);
  const items = await session.client.keys();
  if (session.json) return void world.out.write(json(items));
  const rows = items.map((key) => [
    ...[key.keyId, keyStateWords(key, world.nowMs()), key.roles.join(' '), key.agents.join(' ') || '-', key.sourcePrefix],
    ...[key.resources.join(' ') || '-', keyNoteWords(key)],
  ]);
  world.out.write(`${table(['key', 'state', 'roles', 'agents', 'source prefix', 'resources', ''], rows, session.paint)}\n`);
}
