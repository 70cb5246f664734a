import { stat } from 'node:fs/promises';
import { ConfigError, type Env, readConfig } from '@recant/service';
import { isAccepted, sendMessage, WEBHOOKS_ENV, type Webhook, WebhookError, webhooksOf } from '@recant/service-ledger/wire';
import { z } from 'zod';
import { CliError, EXIT } from '../terminal/exit.ts';
import type { Check } from './report.ts';

/** What a webhook answered to a test message. */
export interface WebhookTest {
  readonly name: string;
  readonly accepted: boolean;
  readonly ms: number;
  readonly status?: number;
  /** Start of the answer's body. */
  readonly answer?: string;
  /** Why there was no answer. */
  readonly problem?: string;
}

/** Sends a test message to the named webhooks, or to all. @throws CliError `usage` for a wrong configuration or name */
export async function testWebhooks(
  env: Env,
  names: readonly string[],
  nowMs: () => number,
  newId: () => string,
): Promise<readonly WebhookTest[]> {
  const webhooks = configured(env);
  const unknown = names.filter((name) => !webhooks.some((webhook) => webhook.name === name));
  if (unknown.length > 0)
    throw new CliError(
      EXIT.usage,
      `no webhook ${unknown.join(', ')} in RECANT_WEBHOOKS_FILE`,
      `Configured: ${webhooks.map(({ name }) => name).join(', ') || 'none'}.`,
    );
  const chosen = names.length === 0 ? webhooks : webhooks.filter(({ name }) => names.includes(name));
  return Promise.all(chosen.map((webhook) => testOne(webhook, nowMs, newId())));
}

function configured(env: Env): readonly Webhook[] {
  try {
    return webhooksOf(readConfig(z.object(WEBHOOKS_ENV), env), env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new CliError(EXIT.usage, error.problems.join('; '), 'Correct the file: docs/webhooks.md.', { cause: error });
  }
}

async function testOne(webhook: Webhook, nowMs: () => number, id: string): Promise<WebhookTest> {
  const startedAt = performance.now();
  const passed = (): number => Math.round(performance.now() - startedAt);
  try {
    const answer = await sendMessage(webhook, { type: 'test', id, atMs: nowMs() }, nowMs());
    return { name: webhook.name, accepted: isAccepted(answer), ms: passed(), status: answer.status, answer: answer.text };
  } catch (error) {
    if (!(error instanceof WebhookError)) throw error;
    return { name: webhook.name, accepted: false, ms: passed(), problem: error.message };
  }
}

/** Files of webhooks that others can read. A service that cannot deliver says so itself, in its health. */
export function checkWebhooks(webhooks: readonly Webhook[], files: readonly string[]): Check {
  return {
    name: 'webhooks',
    async run() {
      if (webhooks.length === 0) return { off: 'no webhook is configured (RECANT_WEBHOOKS_FILE): alarms are shown, and sent to nobody' };
      const modes = await Promise.all(files.map(async (path) => ({ path, mode: (await stat(path)).mode })));
      const open = modes.filter(({ mode }) => (mode & 0o007) !== 0);
      const detail = 'Other users of this machine can read this file, which has a secret of a webhook.';
      const findings = open.map(({ path }) => ({ subject: path, detail, action: `chmod o-rwx ${path}` }));
      return { findings, notes: [`${webhooks.map(({ name }) => name).join(', ')}: try them with \`recant webhooks test\`.`] };
    },
  };
}
