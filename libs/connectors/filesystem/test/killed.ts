import { readFile } from 'node:fs/promises';
import type { InverseBatch } from '@recant/connector';
import type { AttemptRef } from '@recant/events';
import { filesystemSystem } from '../src/index.ts';
import { createFilesystemConnector } from '../src/undo/filesystem-connector.ts';
import { mischief } from './mischief.ts';

/** What the fault tests kill: does one thing on a root, and kills itself at the nth time that it comes by a point. */
export interface Errand {
  readonly root: string;
  readonly point: string;
  readonly nth: number;
  readonly act:
    | { readonly kind: 'attempt'; readonly ref: AttemptRef; readonly declared: readonly string[] }
    | { readonly kind: 'invert'; readonly batch: InverseBatch };
}

const { root, point, nth, act } = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as Errand;
let seen = 0;
const failpoint = (at: string) => {
  if (at === point) seen += 1;
  if (seen === nth) process.kill(process.pid, 'SIGKILL');
};
if (act.kind === 'attempt') {
  const system = filesystemSystem({ name: 'notes', root, failpoint });
  const capture = await system.capture(act.ref, act.declared);
  await mischief(capture.handle, root);
  for await (const effect of capture.settle()) if (effect.ordinal === '') throw new Error('no ordinal');
} else {
  const target = await createFilesystemConnector(failpoint).open({ name: 'notes', connector: 'filesystem', options: { root } });
  await target.invert(act.batch);
}
