/** Where a run is struck: calls of the runner to the outside, its own failpoints, and the points of an inverse of files. */
import type { Connector, TargetSystem } from '@recant/connector';
import { postgresConnector } from '@recant/connector-postgres';
import type { RunnerPorts } from '@recant/runner';
import { createFilesystemConnector } from '../../libs/connectors/filesystem/src/undo/filesystem-connector.ts';

const beforeAndAfter = <const N extends string>(names: readonly N[]) =>
  names.flatMap((name) => [`${name}.before`, `${name}.after`] as const);

/** The runner says by itself that it is there. */
export const RUNNER_POINTS = beforeAndAfter(['claim', 'inverse', 'record']);
/**
 * Calls of the runner: `open` of a target, its test (`rehearse`), its write (`invert`; after it the answer is lost), `applied`, `steps` of the plan, `effects` from the
 * ledger, `flush` of events to the ledger, `load` and `commit` of the run.
 */
export const CALLS = beforeAndAfter(['open', 'rehearse', 'invert', 'applied', 'steps', 'effects', 'flush', 'load', 'commit']);
/** Points within an inverse of files. */
export const FILE_POINTS = [
  'files.plan.written',
  'files.put.prepared',
  'files.apply.write',
  'files.apply.remove',
  'files.apply.create',
  'files.aside.moved',
  'files.aside.compared',
  'files.put.placed',
  'files.step.written',
] as const;
/** While the target works on an inverse: some milliseconds after it got it. */
export const DURING = 'invert.during';
export type Place = (typeof RUNNER_POINTS)[number] | (typeof CALLS)[number] | (typeof FILE_POINTS)[number] | typeof DURING;

/**
 * Called at each place. It may end the process, throw, or answer late; at the runner's own failpoints it must not answer late. What it returns is called at the end of
 * the call.
 */
export type Hook = (place: Place) => undefined | Promise<undefined | (() => void)>;

type Around = <A extends unknown[], R>(name: string, call: (...args: A) => Promise<R>) => (...args: A) => Promise<R>;

const around =
  (hook: Hook): Around =>
  (name, call) =>
  async (...args) => {
    const onEnd = await hook(`${name}.before` as Place);
    try {
      return await call(...args);
    } finally {
      onEnd?.();
      await hook(`${name}.after` as Place);
    }
  };

/** The same ports, with a hook at each call of a run. */
export function hookPorts(ports: RunnerPorts, hook: Hook): RunnerPorts {
  const hooked = around(hook);
  const { store, plans, ledger, emitter, targets } = ports;
  const open = hooked('open', targets.open);
  return {
    ...ports,
    store: { ...store, load: hooked('load', store.load), commit: hooked('commit', store.commit) },
    plans: { ...plans, all: plans.all.bind(plans), steps: hooked('steps', plans.steps.bind(plans)) },
    ledger: { recordOf: hooked('effects', ledger.recordOf.bind(ledger)) },
    emitter: { flush: hooked('flush', emitter.flush) },
    targets: {
      async open(...args) {
        const target = await open(...args);
        return target && hookTarget(target, hooked);
      },
    },
    failpoint: (point) => void hook(point),
  };
}

function hookTarget(target: TargetSystem, hooked: Around): TargetSystem {
  return {
    ...target,
    rehearse: hooked('rehearse', target.rehearse),
    invert: hooked('invert', target.invert),
    applied: hooked('applied', target.applied),
  };
}

/** The product's connectors; the one of files has its points. */
export const hookedConnectors = (hook: Hook): readonly Connector[] => [
  postgresConnector,
  createFilesystemConnector(async (point) => void (await hook(`files.${point}` as Place))),
];
