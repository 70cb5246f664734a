import { type AttemptRef, DECLARED_RESOURCES_MAX, eventId, uuidv7 } from '@recant/events';
import { type PARTIAL_UNDO, plainRef } from '@recant/planner';
import type { RunnerPorts } from './ports.ts';
import type { Session } from './session.ts';

/** Milliseconds after which an inverse without settlement counts as unknown. */
const DEADLINE_MS = 600_000;

/** Bytes of declared resources: leaves room for the rest of the event under EVENT_BYTES_MAX, whatever the keys' sizes. */
const DECLARED_BYTES_MAX = 32_000;

/** As many as fit: the plan and the effects name all of them. */
function declared(resources: readonly string[]): readonly string[] {
  let bytes = 0;
  return resources.slice(0, DECLARED_RESOURCES_MAX).filter((resource) => {
    bytes += Buffer.byteLength(JSON.stringify(resource)) + 1;
    return bytes <= DECLARED_BYTES_MAX;
  });
}

/** Adds the intent of an inverse to the events of the run's source; it counts once they are committed. */
export function intend(
  session: Session,
  ports: Pick<RunnerPorts, 'clock' | 'random16'>,
  inverse: {
    readonly step: number;
    readonly undoes: AttemptRef;
    readonly resources: readonly string[];
    readonly tool: 'undo' | 'take_back' | typeof PARTIAL_UNDO;
  },
): AttemptRef {
  const ref: AttemptRef = { source: session.source, action: uuidv7(ports.clock.now(), ports.random16()), attempt: 1 };
  const { run } = session.claim;
  session.events.add('recant.attempt.intended.v1', eventId.intended(ref.action, ref.attempt), {
    action: ref.action,
    attempt: ref.attempt,
    tool: inverse.tool,
    arguments: { inline: { run, step: inverse.step } },
    resources: declared(inverse.resources),
    reversibility: 'reversible',
    deadlineMs: DEADLINE_MS,
    context: { session: run, parent: inverse.undoes.action },
    inverts: { ...plainRef(inverse.undoes), run, step: inverse.step },
  });
  return ref;
}
