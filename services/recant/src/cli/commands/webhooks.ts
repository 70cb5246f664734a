import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import type { WebhookTest } from '../../doctor/webhooks.ts';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { json, painter, printable } from '../../terminal/output.ts';
import type { World } from '../../terminal/session.ts';

const TEST_HELP = `
Sends one signed message of type \`test\` to each webhook of RECANT_WEBHOOKS_FILE, or to the named ones, and says what came back. Run it where the ledger runs,
with its environment. It stores nothing, and needs no running service.

Exit codes: 0 each webhook accepted it (an answer of 200 to 299), 7 one did not.

Examples:
  recant webhooks test
  recant webhooks test oncall --json`;

/** Characters of an answer. */
const ANSWER_SHOWN_MAX = 200;

export function addWebhooks(program: Command, world: World, exit: (code: number) => void): void {
  const webhooks = program.command('webhooks').description('where alarms are sent: RECANT_WEBHOOKS_FILE');
  webhooks
    .command('test')
    .description('send a test message to webhooks')
    .argument('[name...]', 'webhooks; default: all')
    .option('--json', 'JSON for programs')
    .addHelpText('after', TEST_HELP)
    .action(async (names: string[], options: { json?: boolean }) => {
      // Loaded on demand: without the service, other commands start several times as fast.
      const { testWebhooks } = await import('../../doctor/webhooks.ts');
      const tested = await testWebhooks(world.env, names, world.nowMs, randomUUID);
      world.out.write(options.json ? json({ webhooks: tested }) : text(world, tested));
      if (tested.some(({ accepted }) => !accepted)) exit(EXIT.found);
    });
}

function text(world: World, tested: readonly WebhookTest[]): string {
  if (tested.length === 0) throw new CliError(EXIT.usage, 'no webhook is configured', 'Set RECANT_WEBHOOKS_FILE: docs/webhooks.md.');
  const paint = painter(world.out);
  const lines = tested.map(({ name, accepted, status, ms, answer, problem }) => {
    const what = problem ?? `answered ${status}${answer === undefined || answer === '' ? '' : `: ${answer.slice(0, ANSWER_SHOWN_MAX)}`}`;
    return `${paint(accepted ? 'green' : 'red', accepted ? 'accepted' : 'not accepted')}  ${name}  ${printable(what)}  ${ms} ms`;
  });
  return `${lines.join('\n')}\n`;
}
