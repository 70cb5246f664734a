import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { callerOfPerson, type PersonCaller } from '../caller.ts';
import { PERSON_ROLES } from './claims.ts';
import { matchesPassword } from './password.ts';
import type { Identified, People } from './port.ts';

/** Name of the only local person, who has all PERSON_ROLES. */
export const LOCAL_PERSON = 'operator';

/** Wrong passwords in a row before throttling; each further one doubles the wait. */
const FAILURES_FREE = 5;
const WAIT_MS_FIRST = 1_000;
const WAIT_MS_MAX = 30_000;
/** Queued password checks. Checks run one at a time: parallel guesses would otherwise bypass the throttle. */
const WAITING_MAX = 8;
const CREDENTIALS_CHARACTERS_MAX = 512;

export interface LocalPeopleDeps {
  readonly tenant: string;
  /** Reads the current result of `hashPassword`; a changed hash takes effect at once. */
  readonly readHash: () => Promise<string | undefined>;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
}

/**
 * Basic (RFC 7617) for one person with a generated password. Throttling applies to passwords only, never to keys and tokens. The last valid password is exempt, or
 * an attacker who keeps guessing would lock the operator out; the exemption is safe, because 125 bits cannot be guessed at any rate.
 */
export function createLocalPeople({ tenant, readHash, clock }: LocalPeopleDeps): People {
  const caller: PersonCaller = callerOfPerson({ tenant, subject: LOCAL_PERSON, roles: PERSON_ROLES });
  const macKey = randomBytes(32);
  /** MAC over the stored hash and the credentials, to recognize the last valid password without storing it. */
  const macOf = (hash: string, text: string): Buffer => createHmac('sha256', macKey).update(`${hash}\0${text}`).digest();
  let lastValid: Buffer | undefined;
  let storedHash: string | undefined;
  let failures = 0;
  let waitUntilMs = 0;
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();

  async function checkPassword(name: string, password: string): Promise<Identified> {
    const currentHash = await readHash();
    if (currentHash !== storedHash) [storedHash, failures, waitUntilMs] = [currentHash, 0, 0];
    const waitMs = waitUntilMs - clock();
    if (waitMs > 0) return { kind: 'throttled', retryAfterSeconds: Math.ceil(waitMs / 1_000) };
    const valid = (await matchesPassword(password, storedHash)) && name === LOCAL_PERSON;
    if (valid) lastValid = macOf(String(storedHash), `${name}:${password}`);
    failures = valid ? 0 : failures + 1;
    if (failures >= FAILURES_FREE) waitUntilMs = clock() + Math.min(WAIT_MS_MAX, WAIT_MS_FIRST * 2 ** (failures - FAILURES_FREE));
    return valid ? { kind: 'person', caller } : { kind: 'unknown', reason: 'password' };
  }

  return {
    scheme: 'basic',
    async identify(credentials) {
      const text = credentials.length > CREDENTIALS_CHARACTERS_MAX ? '' : Buffer.from(credentials, 'base64').toString();
      const colon = text.indexOf(':');
      if (colon < 0) return { kind: 'unknown', reason: 'not name:password' };
      const hash = lastValid && (await readHash());
      if (lastValid && hash !== undefined && timingSafeEqual(macOf(hash, text), lastValid)) return { kind: 'person', caller };
      if (waiting >= WAITING_MAX) return { kind: 'throttled', retryAfterSeconds: 1 };
      waiting += 1;
      const checked = last.then(() => checkPassword(text.slice(0, colon), text.slice(colon + 1)));
      last = checked.catch(() => {});
      return checked.finally(() => {
        waiting -= 1;
      });
    },
  };
}
