import { type ApiKey, parseApiKey } from '@recant/events';
import { KeyRefused } from './transport.ts';

/** `recant_<id>_<secret>`, or a function that returns it. The function is called before every request, so the key can be replaced while events are queued. */
export type ApiKeySource = string | (() => string | Promise<string>);

export interface CurrentKey extends ApiKey {
  /** The whole key, as sent. */
  readonly text: string;
}

/** @returns a function that reads the current key; it rejects with KeyRefused if there is none or it is malformed */
export function keyReader(source: ApiKeySource): () => Promise<CurrentKey> {
  let last: CurrentKey | undefined;
  return async () => {
    const text = typeof source === 'string' ? source : await ask(source);
    if (last?.text === text) return last;
    const key = parseApiKey(text);
    if (key === undefined) throw new KeyRefused('apiKey did not return a key of the form recant_<id>_<secret>');
    last = { ...key, text };
    return last;
  };
}

async function ask(source: () => string | Promise<string>): Promise<string> {
  try {
    return await source();
  } catch (cause) {
    throw new KeyRefused('The apiKey function failed', { cause });
  }
}
