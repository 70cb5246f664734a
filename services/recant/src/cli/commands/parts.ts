import type { Command } from 'commander';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json, printable } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type Session, type World, withConnection, withReason } from '../../terminal/session.ts';

const HELP = `
Large or personal contents are stored as parts beside their event. Reading a sealed part needs a key with the role unseal, and is recorded as an
act with the reader and the subject.

Example:
  recant parts show 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08`;

export function addParts(program: Command, world: World): void {
  const parts = program.command('parts').description('contents stored beside their events');
  withReason(
    withConnection(
      parts.command('show').description('print the content of a part').argument('<digest>', 'digest, from `recant actions show`'),
    ),
  )
    .addHelpText('after', HELP)
    .action((digest: string, options: CommonOptions) => show(world, digest, options));
}

interface Content {
  readonly digest: string;
  readonly subject?: string;
  readonly bytes: Buffer;
}

async function show(world: World, digest: string, options: CommonOptions): Promise<void> {
  if (!/^[0-9a-f]{64}$/.test(digest))
    throw new CliError(EXIT.usage, 'Not a part digest: expected 64 hex characters', 'Copy it from `recant actions show`.');
  const session = await openSession(world, options);
  const { subject, bytes } = await read(session, digest);
  const value = parsed(bytes);
  if (session.json)
    return void world.out.write(
      json({ digest, ...(subject === undefined ? {} : { subject }), content: value ?? bytes.toString('base64') }),
    );
  if (subject !== undefined) world.err.write(`Sealed for ${printable(subject)}; this read was recorded.\n`);
  const text = value === undefined ? `${bytes.length} bytes, not JSON (--json prints them in base64)` : JSON.stringify(value, undefined, 2);
  world.out.write(`${text.split('\n').map(printable).join('\n')}\n`);
}

async function read({ client }: Session, digest: string): Promise<Content> {
  const part = await client.part(digest);
  if (!part.sealed) return { digest, bytes: Buffer.from(part.bytes, 'base64') };
  const { subject, bytes } = await client.unsealPart(digest);
  return { digest, subject, bytes: Buffer.from(bytes, 'base64') };
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
