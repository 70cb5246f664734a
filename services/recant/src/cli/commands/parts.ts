import type { Command } from 'commander';
import { json, printable } from '../../terminal/output.ts';
import { type CommonOptions, openSession, type Session, type World, withConnection } from '../../terminal/session.ts';

const HELP = `
Contents that are large or personal stand beside their event, as parts. One that is sealed is opened for a key with the role \`unseal\`, and that is
recorded: who read what, and whose it was. \`recant acts\` shows it.

Example:
  recant parts show 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08`;

export function addParts(program: Command, world: World): void {
  const parts = program.command('parts').description('contents that stand beside their events: show');
  withConnection(parts.command('show').description('what a part holds').argument('<digest>', 'as `recant actions show` names it'))
    .addHelpText('after', HELP)
    .action((digest: string, options: CommonOptions) => show(world, digest, options));
}

interface Content {
  readonly digest: string;
  readonly subject?: string;
  readonly bytes: Buffer;
}

async function show(world: World, digest: string, options: CommonOptions): Promise<void> {
  const session = await openSession(world, options);
  const { subject, bytes } = await read(session, digest);
  const value = parsed(bytes);
  if (session.json)
    return void world.out.write(
      json({ digest, ...(subject === undefined ? {} : { subject }), content: value ?? bytes.toString('base64') }),
    );
  if (subject !== undefined) world.err.write(`Sealed for ${printable(subject)}. That you have read it is recorded.\n`);
  const text =
    value === undefined ? `${bytes.length} bytes that are no JSON (--json shows them in base64)` : JSON.stringify(value, undefined, 2);
  world.out.write(`${text.split('\n').map(printable).join('\n')}\n`);
}

async function read({ client }: Session, digest: string): Promise<Content> {
  const kept = await client.part(digest);
  if (!kept.sealed) return { digest, bytes: Buffer.from(kept.bytes, 'base64') };
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
