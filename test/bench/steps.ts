import { Session } from 'node:inspector/promises';

/** Step of a stack frame: the first match from the innermost frame outwards. */
const STEPS: readonly (readonly [string, RegExp])[] = [
  ['garbage collection', /^\(garbage collector\)/],
  ['check MACs and take batches apart', /messageMac|events\/src\/batch\.ts|services\/ledger\/src\/(intake|kafka-sender)\.ts/],
  ['decode and check events', /libs\/events\/src\/|libs\/ledger\/src\/admit\.ts/],
  ['facts of events', /libs\/verifier\/src\/facts\//],
  ['read records', /libs\/verifier\/src\/bundle\//],
  ['frame and hash', /libs\/transparency\/|libs\/ledger\/src\/frame\.ts/],
  ['project rows', /libs\/ledger\/src\/projection\.ts|libs\/ledger\/src\/attempt-state\.ts/],
  ['write COPY rows', /libs\/store\/src\/(copy\/copy-writer|append\/rows|project\/rows)/],
  ['database driver and socket', /node_modules\/pg|libs\/store\/src\/copy\/copy-in/],
  ['ledger transaction', /libs\/store\//],
  ['fetch and decode messages', /node_modules\/kafkajs|libs\/kafka\//],
];

/** Runs `work` under the sampling profiler. @returns CPU microseconds by step. */
export async function profileSteps(work: () => Promise<void>): Promise<ReadonlyMap<string, number>> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 500 });
  await session.post('Profiler.start');
  await work();
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  const steps = new Map<number, string>();
  const parents = new Map<number, number>();
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  for (const node of profile.nodes) for (const child of node.children ?? []) parents.set(child, node.id);
  const stepOf = (id: number | undefined): string => {
    if (id === undefined) return 'runtime';
    const known = steps.get(id);
    if (known !== undefined) return known;
    const frame = nodes.get(id)?.callFrame;
    const label = `${frame?.functionName} ${frame?.url}`;
    const step = STEPS.find(([, pattern]) => pattern.test(label))?.[0] ?? stepOf(parents.get(id));
    steps.set(id, step);
    return step;
  };
  const spent = new Map<string, number>();
  for (const [n, id] of (profile.samples ?? []).entries()) {
    if (nodes.get(id)?.callFrame.functionName === '(idle)') continue;
    spent.set(stepOf(id), (spent.get(stepOf(id)) ?? 0) + (profile.timeDeltas?.[n] ?? 0));
  }
  return spent;
}
