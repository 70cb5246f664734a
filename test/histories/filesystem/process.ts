/** Another process: performs what it is told. */
import { perform } from './perform.ts';
import type { Op } from './script.ts';

process.on('message', async ({ root, op }: { root: string; op: Op }) => process.send?.(await perform(root, op)));
