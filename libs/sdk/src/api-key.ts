import { type ApiKey, parseApiKey } from '@recant/events';
import { KeyRefused } from './transport.ts';

/** `recant_<id>_<secret>`, or who knows it: asked before every request, so that the key can be replaced while events wait. */
export type ApiKeySource = string | (() => string | Promise<string>);

export interface CurrentKey extends ApiKey {
  /** The whole of it, as it is presented. */
  readonly text: string;
}

/** @returns what gives the key as it is now. It throws KeyRefused where there is none. */
export function keyReader(source: ApiKeySource): () => Promise<CurrentKey> {
  let last: CurrentKey | undefined;
  return async () => {
    const text = typeof source === 'string' ? source : await ask(source);
    if (last?.text === text) return last;
    const key = parseApiKey(text);
    if (key === undefined) throw new KeyRefused('apiKey did not give recant_<id>_<secret>');
    last = { ...key, text };
    return last;
  };
}

async function ask(source: () => string | Promise<string>): Promise<string> {
  try {
    return await source();
  } catch (cause) {
    throw new KeyRefused('apiKey gave no key', { cause });
  }
}
