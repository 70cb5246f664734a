import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { callerOfPerson, type PersonCaller } from '../caller.ts';
import { PERSON_ROLES } from './claims.ts';
import { fitsPassword } from './password.ts';
import type { Identified, People } from './port.ts';

/** The one local person: there is nobody else, so that they may do whatever a person may. */
export const LOCAL_PERSON = 'operator';

/** Wrong passwords in a row after which the next has to wait, each time twice as long. */
const FAILURES_FREE = 5;
const WAIT_MS_FIRST = 1_000;
const WAIT_MS_MAX = 30_000;
/** Passwords that wait for their turn: one is looked at after the other, or guessing at once would cost no more than one guess. */
const WAITING_MAX = 8;
const CREDENTIALS_CHARACTERS_MAX = 512;

export interface LocalPeopleDeps {
  readonly tenant: string;
  /** What `hashPassword` gave, as it is kept now: a new one counts at once. */
  readonly readHash: () => Promise<string | undefined>;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
}

/**
 * Basic (RFC 7617) for one person with a generated password. Only passwords wait after wrong ones: keys and tokens go past, and so does the password that was
 * right before, or whoever guesses without end would shut the operator out. Comparing it costs nothing, and 125 bits are not guessed however fast.
 */
export function createLocalPeople({ tenant, readHash, clock }: LocalPeopleDeps): People {
  const caller: PersonCaller = callerOfPerson({ tenant, subject: LOCAL_PERSON, roles: PERSON_ROLES });
  const marking = randomBytes(32);
  /** Of what is kept and the password that fitted it: nobody else can make it. */
  const markOf = (hash: string, text: string): Buffer => createHmac('sha256', marking).update(`${hash}\0${text}`).digest();
  let right: Buffer | undefined;
  let kept: string | undefined;
  let failures = 0;
  let waitUntilMs = 0;
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();

  async function look(name: string, password: string): Promise<Identified> {
    const now = await readHash();
    if (now !== kept) [kept, failures, waitUntilMs] = [now, 0, 0];
    const waitMs = waitUntilMs - clock();
    if (waitMs > 0) return { kind: 'throttled', retryAfterSeconds: Math.ceil(waitMs / 1_000) };
    const fits = (await fitsPassword(password, kept)) && name === LOCAL_PERSON;
    if (fits) right = markOf(String(kept), `${name}:${password}`);
    failures = fits ? 0 : failures + 1;
    if (failures >= FAILURES_FREE) waitUntilMs = clock() + Math.min(WAIT_MS_MAX, WAIT_MS_FIRST * 2 ** (failures - FAILURES_FREE));
    return fits ? { kind: 'person', caller } : { kind: 'unknown', reason: 'password' };
  }

  return {
    scheme: 'basic',
    async identify(credentials) {
      const text = credentials.length > CREDENTIALS_CHARACTERS_MAX ? '' : Buffer.from(credentials, 'base64').toString();
      const colon = text.indexOf(':');
      if (colon < 0) return { kind: 'unknown', reason: 'not name:password' };
      const hash = right && (await readHash());
      if (right && hash !== undefined && timingSafeEqual(markOf(hash, text), right)) return { kind: 'person', caller };
      if (waiting >= WAITING_MAX) return { kind: 'throttled', retryAfterSeconds: 1 };
      waiting += 1;
      const looked = last.then(() => look(text.slice(0, colon), text.slice(colon + 1)));
      last = looked.catch(() => {});
      return looked.finally(() => {
        waiting -= 1;
      });
    },
  };
}
