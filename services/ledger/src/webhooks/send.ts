import { messageBody, messageId } from './message.ts';
import { type Answer, type PostLimits, post } from './post.ts';
import type { Webhook } from './read-webhooks.ts';
import type { Message } from './shown.ts';
import { signatureOf } from './sign.ts';

/**
 * One attempt to send a message. @param nowMs since 1970: of this attempt, signed
 * @throws WebhookError without an answer in time, or `signal`'s reason
 */
export function sendMessage(webhook: Webhook, message: Message, nowMs: number, signal?: AbortSignal, limits?: PostLimits): Promise<Answer> {
  const body = messageBody(message, webhook.format);
  const id = messageId(message);
  const atSeconds = Math.floor(nowMs / 1_000);
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'recant',
    'webhook-id': id,
    'webhook-timestamp': String(atSeconds),
    ...(webhook.secrets.length > 0 && { 'webhook-signature': signatureOf(webhook.secrets, id, atSeconds, body) }),
  };
  return post(webhook.url, headers, body, signal, limits);
}
