import { readFileSync } from 'node:fs';
import { type ApiKey, formatApiKey, joinBatch, KIND_EVENTS, KIND_PART, macSecretOf, messageMac } from '@recant/events';

/** Events of the batch, from `v1`. */
const BATCHED = ['opened', 'intended-full', 'effects-full', 'settled-least', 'closed'];
const KEY: ApiKey = { keyId: 'compat01', secret: Uint8Array.from({ length: 32 }, (_, n) => n) };

export interface ExpectedMessage {
  readonly file: string;
  readonly apiKey: string;
  readonly kind: string;
  /** Header `recant-mac`. */
  readonly mac: string;
  /** Files of the events, in order. */
  readonly events: readonly string[];
}

/** Kafka values of each kind, and what they must be signed with. */
export function messagesOf(folder: URL): readonly (ExpectedMessage & { readonly value: Uint8Array })[] {
  const files = BATCHED.map((name) => `${name}.event`);
  const events = files.map((file) => new Uint8Array(readFileSync(new URL(file, folder))));
  const [single] = events as [Uint8Array];
  const message = (file: string, kind: string, value: Uint8Array, of: readonly string[]) => ({
    ...{ file, value, kind, events: of, apiKey: formatApiKey(KEY) },
    mac: messageMac(macSecretOf(KEY.secret), kind, value),
  });
  return [
    message('single.batch', KIND_EVENTS, single, files.slice(0, 1)),
    message('several.batch', KIND_EVENTS, joinBatch(events), files),
    message('ended.batch', KIND_EVENTS, Buffer.concat([joinBatch(events), Buffer.from('\n')]), files),
    message('bytes.part', KIND_PART, single, []),
  ];
}
