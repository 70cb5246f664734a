import { randomUUID } from 'node:crypto';
import { readdir, unlink } from 'node:fs/promises';
import { OPERATOR_TENANT } from '@recant/events';
import type { Act, ActRecorder, Logger } from '@recant/service';
import { LOCAL_PERSON } from '@recant/service';
import { CliError, EXIT } from '../terminal/exit.ts';
import type { World } from '../terminal/session.ts';
import { DATABASE_FILE, type Folder } from './folder.ts';
import { localActor, openLocalActs } from './local-acts.ts';

/** The recorded act of a password reset that is about to happen. */
export interface PasswordAct extends AsyncDisposable {
  /** Why the log did not take the act: then it waits in the folder for the next start. */
  readonly owed: string | undefined;
  /** The new password is in place. Disposed without it, the act ends as failed. */
  done(): Promise<void>;
}

/** An act in the folder that is not in the log yet. */
interface Owed {
  readonly by: string;
  readonly request: string;
  /** Of the reset, RFC 3339 in UTC; the entry is later. */
  readonly time: string;
  readonly reason?: string | undefined;
  readonly done: boolean;
}

const OWED = /^password-act\.[0-9a-f-]{36}\.json$/;

/**
 * Records the act in the log, or in the folder if the log is not available: a reset is the way back in, so an unavailable ledger must not block it.
 */
export async function orderPassword(folder: Folder, world: World, reason?: string): Promise<PasswordAct> {
  try {
    return await orderInLog(folder, world, reason);
  } catch (error) {
    return oweInFolder(folder, world.nowMs(), error instanceof Error && error.message !== '' ? error.message : String(error), reason);
  }
}

async function orderInLog(folder: Folder, world: World, reason: string | undefined): Promise<PasswordAct> {
  const url = (await folder.read(DATABASE_FILE))?.trim();
  if (url === undefined) throw new Error('no database address in the data folder yet');
  const { acts, close } = await openLocalActs(url, OPERATOR_TENANT, world);
  try {
    const end = await acts.order(actOf({ by: localActor().id, request: randomUUID(), reason }));
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

/** A crash leaves an act without an outcome: whether the password was replaced is then unknown. */
export async function oweInFolder(folder: Folder, nowMs: number, owed: string, reason?: string): Promise<PasswordAct> {
  const request = randomUUID();
  const file = `password-act.${request}.json`;
  const act = { by: localActor().id, request, time: new Date(nowMs).toISOString(), ...(reason === undefined ? {} : { reason }) };
  const save = (done: boolean): Promise<void> => folder.write(file, `${JSON.stringify({ ...act, done } satisfies Owed)}\n`);
  await save(false);
  return { owed, done: () => save(true), [Symbol.asyncDispose]: async () => {} };
}

/**
 * Records acts that wait in the folder, before the service listens. A crash between the entry and the deletion of its file records it twice, with the
 * same `request`. An act that the log does not take waits for the next start.
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
        'recant: act not recorded; the next start retries',
      );
      continue;
    }
    await unlink(folder.at(file));
  }
}

function actOf({ by, request, time, reason }: Pick<Owed, 'by' | 'request'> & Partial<Owed>): Act {
  const object = { person: LOCAL_PERSON, ...(time === undefined ? {} : { time }) };
  const why = reason === undefined ? {} : { reason };
  return { tenant: OPERATOR_TENANT, operation: 'resetPassword', actor: { id: by }, object, ...why, request };
}

function parseOwed(folder: Folder, file: string, text: string | undefined): Owed {
  const broken = (cause: unknown) =>
    new CliError(EXIT.failed, `${folder.at(file)} is damaged`, 'It records a password reset: inspect it, then delete it.', {
      cause,
    });
  let owed: Partial<Owed> | null;
  try {
    owed = JSON.parse(text ?? '') as Partial<Owed> | null;
  } catch (cause) {
    throw broken(cause);
  }
  const { by, request, time, reason, done } = owed ?? {};
  if (typeof by !== 'string' || typeof request !== 'string' || typeof time !== 'string')
    throw broken(new TypeError('by, request or time is missing'));
  return { by, request, time, ...(typeof reason === 'string' && { reason }), done: done === true };
}
