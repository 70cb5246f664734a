import { randomUUID } from 'node:crypto';
import { readdir, unlink } from 'node:fs/promises';
import { OPERATOR_TENANT } from '@recant/events';
import type { Act, ActRecorder, Logger } from '@recant/service';
import { LOCAL_PERSON } from '@recant/service';
import { CliError, EXIT } from '../terminal/exit.ts';
import type { World } from '../terminal/session.ts';
import { DATABASE_FILE, type Folder } from './folder.ts';
import { localUser, openLocalActs } from './local-acts.ts';

/** A password that is about to be made, of which there is a record already. */
export interface PasswordAct extends AsyncDisposable {
  /** Why the log did not take it: then it waits in the folder for the next start. */
  readonly owed: string | undefined;
  /** It counts now. Disposed without it, nothing is known to have changed. */
  done(): Promise<void>;
}

/** One act in the folder, until it is an entry. */
interface Owed {
  readonly by: string;
  readonly request: string;
  /** RFC 3339, UTC: the entry comes later. */
  readonly time: string;
  readonly done: boolean;
}

const OWED = /^password-act\.[0-9a-f-]{36}\.json$/;

/**
 * Ordered in the log where its database answers, else in the folder: a new password is the way back in, so that a ledger that is down, or takes
 * nothing, must not keep anybody from it.
 */
export async function orderPassword(folder: Folder, world: World): Promise<PasswordAct> {
  try {
    return await orderInLog(folder, world);
  } catch (error) {
    return oweInFolder(folder, world.nowMs(), error instanceof Error && error.message !== '' ? error.message : String(error));
  }
}

async function orderInLog(folder: Folder, world: World): Promise<PasswordAct> {
  const url = (await folder.read(DATABASE_FILE))?.trim();
  if (url === undefined) throw new Error('no database is known here yet');
  const { acts, close } = await openLocalActs(url, OPERATOR_TENANT, world);
  try {
    const end = await acts.order(actOf({ by: localUser(), request: randomUUID() }));
    let ended = false;
    return {
      owed: undefined,
      async done() {
        ended = true;
        await end({ outcome: 'done' });
      },
      async [Symbol.asyncDispose]() {
        if (!ended) await end({ outcome: 'failed', code: 'interrupted' });
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What a crash here leaves is an act without its end: whether the password counts is not known then, and the log says no more. */
export async function oweInFolder(folder: Folder, nowMs: number, owed: string): Promise<PasswordAct> {
  const request = randomUUID();
  const file = `password-act.${request}.json`;
  const act = { by: localUser(), request, time: new Date(nowMs).toISOString() };
  const keep = (done: boolean): Promise<void> => folder.keep(file, `${JSON.stringify({ ...act, done } satisfies Owed)}\n`);
  await keep(false);
  return { owed, done: () => keep(true), [Symbol.asyncDispose]: async () => {} };
}

/**
 * Before anything is served, what the folder owes becomes entries. A crash between an entry and the end of its file makes it two entries of one
 * `request`. Where no log takes it, it waits on.
 */
export async function recordOwed(folder: Folder, acts: ActRecorder, logger: Logger): Promise<void> {
  const files = (await readdir(folder.path)).filter((name) => OWED.test(name));
  const owed = await Promise.all(files.map(async (file) => ({ file, act: parseOwed(folder, file, await folder.read(file)) })));
  for (const { file, act } of owed.toSorted((a, b) => (a.act.time < b.act.time ? -1 : 1))) {
    try {
      const end = await acts.order(actOf(act));
      if (act.done) await end({ outcome: 'done' });
    } catch (err) {
      logger.error(
        { alarm: 'act_unrecorded', err, operation: 'password', file: folder.at(file) },
        'no log takes this act: the next start tries again',
      );
      continue;
    }
    await unlink(folder.at(file));
  }
}

function actOf({ by, request, time }: Pick<Owed, 'by' | 'request'> & Partial<Owed>): Act {
  const target = { person: LOCAL_PERSON, ...(time === undefined ? {} : { time }) };
  return { tenant: OPERATOR_TENANT, operation: 'password', by, target, request };
}

function parseOwed(folder: Folder, file: string, text: string | undefined): Owed {
  const broken = (cause: unknown) =>
    new CliError(EXIT.failed, `${folder.at(file)} is not as it was written`, 'It says who made a password: look at it, then delete it.', {
      cause,
    });
  let owed: Partial<Owed> | null;
  try {
    owed = JSON.parse(text ?? '') as Partial<Owed> | null;
  } catch (cause) {
    throw broken(cause);
  }
  const { by, request, time, done } = owed ?? {};
  if (typeof by !== 'string' || typeof request !== 'string' || typeof time !== 'string')
    throw broken(new TypeError('by, request or time is missing'));
  return { by, request, time, done: done === true };
}
