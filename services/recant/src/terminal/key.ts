import type { World } from './session.ts';

/** Ctrl-C and Ctrl-D, as a terminal in raw mode sends them. */
const LEAVE = new Set(['\u0003', '\u0004']);

/**
 * Asks a question that one key answers, without Enter. Other keys are ignored.
 * @param choices what each key, one lower-case letter, does
 * @returns undefined after Ctrl-C, and at the end of the input
 */
export async function askKey<K extends string>(
  world: World,
  question: string,
  choices: Readonly<Record<K, string>>,
): Promise<K | undefined> {
  const { input, err, signal } = world;
  const keys = Object.entries<string>(choices).map(([key, text]) => `[${key}] ${text}`);
  if (signal.aborted) return undefined;
  input.setRawMode(true);
  input.resume();
  const { promise, resolve } = Promise.withResolvers<K | undefined>();
  const read = (chunk: Buffer | string): void => {
    // What follows an answer in one chunk was typed before the next question: it answers nothing.
    const typed = [...String(chunk)].map((key) => key.toLowerCase()).find((key) => LEAVE.has(key) || Object.hasOwn(choices, key));
    if (typed !== undefined) resolve(LEAVE.has(typed) ? undefined : (typed as K));
  };
  const leave = (): void => resolve(undefined);
  input.on('data', read);
  input.once('end', leave);
  signal.addEventListener('abort', leave, { once: true });
  err.write(`${question}  ${keys.join('  ')}  `);
  try {
    const answer = await promise;
    err.write(`${answer ?? ''}\n`);
    return answer;
  } finally {
    input.off('data', read);
    input.off('end', leave);
    signal.removeEventListener('abort', leave);
    input.setRawMode(false);
    input.pause();
  }
}
