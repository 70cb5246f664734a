import { randomBytes } from 'node:crypto';
import { ConnectorError } from '@recant/connector';
import type { AgentRole, PrepareOptions, PrepareReport } from '@recant/connector-postgres';
import { createRedactor, rulesOf } from '@recant/redaction';
import type { Command } from 'commander';
import { preparedText } from '../../render/prepared.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type Session, type World, withConnection } from '../../terminal/session.ts';
import { type DatabaseOptions, databaseAddress } from '../database-address.ts';
import { requireSystemName, SYSTEM_NAME, several } from '../options.ts';

const HELP = `
Installs capture in the database (schema "recant" and triggers), says what is covered and what is not, and registers the database as a system.
The address is the owner's. Its password comes from RECANT_CONNECT_URL, PGPASSWORD, --database-file or the prompt. Without --undo-login the
service stores the owner's address, sealed, and undoes with it; with it, RECANT_UNDO_PASSWORD has the password of that login.
Safe to repeat, also after an interruption.

Examples:
  PGPASSWORD=... recant connect postgres shop --database postgres://owner@db.example/shop --agent-role pricing_bot
  recant connect postgres shop --database-file owner.url --agent-role pricing_bot --undo-login recant_undo`;

type PostgresOptions = CommonOptions &
  DatabaseOptions & {
    table?: string[];
    agentRole?: string[];
    agentName?: string[];
    derived?: string[];
    notDerived?: string[];
    history?: string[];
    undoLogin?: string;
    drainLogin?: string;
    endTransactions?: boolean;
    revokeTruncate?: boolean;
    takeOver?: boolean;
    queueAgentsMib?: string;
    queueMib?: string;
    imagesDays?: string;
    subject?: string[];
  };

export function addConnectPostgres(connect: Command, world: World): void {
  withDatabase(withConnection(connect.command('postgres').description('register a PostgreSQL database').argument('<name>', SYSTEM_NAME)))
    .option('--table <schema.table>', 'capture only this table; repeatable (default: all)', several)
    .option('--agent-role <role>', 'login of agents, or LOGIN=SOURCE-PREFIX; repeatable', several)
    .option(
      '--agent-name <login=agent>',
      "agent whose attempts a login's unnamed transactions are (default: the login's name); repeatable",
      several,
    )
    .option(
      '--derived <schema.table.column>',
      'column that the application maintains: captured, not checked, not restored; repeatable',
      several,
    )
    .option('--not-derived <schema.table.column>', 'column that is taken for derived and is not; repeatable', several)
    .option('--history <schema.table>', 'append-only history table: never undone; repeatable', several)
    .option('--undo-login <role>', 'existing login for inverses; gets SELECT, INSERT, UPDATE, DELETE on captured tables')
    .option('--drain-login <role>', 'existing login that reads the capture')
    .option(
      '--end-transactions',
      "let the login that reads the capture end agents' sessions, so that a freeze ends their open transactions",
    )
    .option('--revoke-truncate', "take the right to TRUNCATE captured tables from agents' logins")
    .option('--queue-agents-mib <n>', "size of the queue of captured changes from which agents' writes are refused (default 4096)")
    .option('--queue-mib <n>', 'size from which other writes are no longer captured (default 8192)')
    .option('--images-days <n>', 'days after which captured changes are deleted, so that they can no longer be undone; 0: never (default)')
    .option(
      '--subject <schema.table=pattern>',
      'whose data the rows are, for `recant subjects erase`: public.orders=customer/{customer_id}; repeatable, `none` for no table (default: as before)',
      several,
    )
    .option('--take-over', 'take the database over from another ledger')
    .addHelpText('after', HELP)
    .action((name: string, options: PostgresOptions) => connectPostgres(world, name, options));
}

export function withDatabase(command: Command): Command {
  return command
    .option('--database <url>', "the owner's address, without a password")
    .option('--database-file <file>', 'file with the address, password included, in its first line');
}

/** `role`, or `role=source-prefix`: the login may then use only sources with that prefix. */
function agentRoles({ agentRole = [], agentName = [] }: PostgresOptions): readonly Exclude<AgentRole, string>[] {
  const split = (text: string): readonly [string, string | undefined] => {
    const at = text.indexOf('=');
    return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
  };
  const names = new Map(agentName.map(split));
  const roles = agentRole.map(split).map(([role, sourcePrefix]) => {
    const agent = names.get(role);
    return { role, ...(sourcePrefix && { sourcePrefix }), ...(agent && { agent }) };
  });
  const wrong = [...names].filter(([role, agent]) => !agent || !roles.some((one) => one.role === role)).map(([role]) => role);
  if (wrong.length === 0) return roles;
  throw new CliError(EXIT.usage, `--agent-name: expected LOGIN=AGENT of a login in --agent-role, got ${JSON.stringify(wrong[0])}`);
}

async function connectPostgres(world: World, name: string, options: PostgresOptions): Promise<void> {
  requireSystemName(name);
  const url = await databaseAddress(world, options);
  const session = await openSession(world, options);
  // Fails for a key that may not register systems, before anything is installed in the target.
  await session.client.systems();
  const report = await prepare(session, name, url, options);
  const system = await session.client.registerSystem({ name, connector: 'postgres', options: addresses(world, url, options) });
  world.out.write(session.json ? json({ system, prepared: report }) : preparedText(report));
}

/** What the service stores. With an undo login the owner's address is not stored. */
function addresses({ env }: World, url: string, { undoLogin, drainLogin }: PostgresOptions): Record<string, string> {
  const as = (login: string, password: string | undefined): string =>
    Object.assign(new URL(url), { username: encodeURIComponent(login), password: encodeURIComponent(password ?? '') }).href;
  return {
    url: undoLogin === undefined ? url : as(undoLogin, env.RECANT_UNDO_PASSWORD),
    ...(drainLogin === undefined ? {} : { drainUrl: as(drainLogin, env.RECANT_DRAIN_PASSWORD) }),
  };
}

async function prepare(session: Session, name: string, url: string, options: PostgresOptions): Promise<PrepareReport> {
  const { preparePostgres } = await import('@recant/connector-postgres');
  const redactor = createRedactor(rulesOf({}), (bytes) => new Uint8Array(randomBytes(bytes)));
  const { table: tables, derived, notDerived, history, undoLogin, drainLogin, endTransactions, revokeTruncate, takeOver } = options;
  const ledger = await ledgerOf(session);
  const chosen: PrepareOptions = {
    url,
    system: name,
    agentRoles: agentRoles(options),
    ruleFor: redactor.find,
    ...(tables && { tables }),
    ...(derived && { derived }),
    ...(notDerived && { notDerived }),
    ...(history && { history }),
    ...(undoLogin && { undoLogin }),
    ...(drainLogin && { drainLogin }),
    ...(endTransactions && { endTransactions }),
    ...(revokeTruncate && { revokeTruncate }),
    ...(takeOver && { takeOver }),
    ...(ledger && { ledger }),
    ...(options.subject && { subjects: subjectsOf(options.subject) }),
    ...(options.imagesDays && { imagesDays: daysOf(options.imagesDays) }),
    queue: {
      ...(options.queueAgentsMib && { agentsBytes: mebibytes('--queue-agents-mib', options.queueAgentsMib) }),
      ...(options.queueMib && { everyoneBytes: mebibytes('--queue-mib', options.queueMib) }),
    },
  };
  return preparePostgres(chosen).catch((cause: unknown) => {
    throw targetError('Cannot prepare the database', cause);
  });
}

/** `TABLE=PATTERN`; the connector checks table and column. */
function subjectsOf(texts: readonly string[]): NonNullable<PrepareOptions['subjects']> {
  if (texts.length === 1 && texts[0] === 'none') return [];
  return texts.map((text) => {
    const at = text.indexOf('=');
    if (at < 1) throw new CliError(EXIT.usage, `--subject: expected TABLE=PATTERN, got ${JSON.stringify(text)}`);
    return { table: text.slice(0, at), pattern: text.slice(at + 1) };
  });
}

function daysOf(text: string): number {
  if (!/^\d{1,5}$/.test(text))
    throw new CliError(EXIT.usage, `--images-days: expected a whole number of days, got ${JSON.stringify(text)}`);
  return Number(text);
}

function mebibytes(option: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new CliError(EXIT.usage, `${option}: expected a whole number of MiB, got ${JSON.stringify(text)}`);
  return Number(text) * 1_024 ** 2;
}

/** Who captures the target: the ledger's name in its verifier keys (`name+hash+key`), and the tenant. */
async function ledgerOf({ client }: Session): Promise<string | undefined> {
  const name = (await client.vkeys()).split('\n')[0]?.split('+')[0];
  return name ? `${name}/${await client.tenant()}` : undefined;
}

const ADVICE: Partial<Record<ConnectorError['code'], string>> = {
  unreachable: 'Check the address, the login and its password.',
  already_connected: 'Run `recant disconnect` with the other ledger, or pass --take-over.',
  attempts_undoable: 'Undo them with `recant plan` and `recant run`, or pass --discard.',
};

/** A refusal of the target: exit code 3 where somebody has to decide. */
export function targetError(what: string, cause: unknown): CliError {
  const { message } = cause as Error;
  if (!(cause instanceof ConnectorError)) return new CliError(EXIT.failed, `${what}: ${message}`, undefined, { cause });
  const decides = cause.code === 'already_connected' || cause.code === 'attempts_undoable';
  return new CliError(decides ? EXIT.refused : EXIT.failed, `${what} (${cause.code}): ${message}`, ADVICE[cause.code], { cause });
}
