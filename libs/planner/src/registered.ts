import { parseResource, resourceMatches } from '@recant/events';
import type { RecordedAttempt, RecordedEffect } from './ports.ts';

/**
 * I13: what an agent's own process claims counts only on resources that its key was registered for. An effect that is not believed neither gets a
 * step nor stands in anybody's way, else any key could block any rollback; what really is at the target is guarded there.
 */
export function isBelieved(attempt: RecordedAttempt, resource: string): boolean {
  return (
    attempt.grade === 'attested' ||
    attempt.inverts !== undefined ||
    attempt.registered.some((pattern) => resourceMatches(pattern, resource))
  );
}

/**
 * I13: why this effect must never make anybody write; undefined where it may. Names only, and only names that somebody registered.
 * @param systems connector by name of system.
 */
export function notRegistered(attempt: RecordedAttempt, effect: RecordedEffect, systems: ReadonlyMap<string, string>): string | undefined {
  if (!isBelieved(attempt, effect.resource))
    return `Key ${attempt.keyId} was not made for this resource (\`--resource\` of \`recant keys create\`), so nothing is undone on its word.`;
  const resource = parseResource(effect.resource);
  if (resource === undefined) return 'This is not a resource.';
  const connector = systems.get(resource.system);
  if (connector === undefined) return `No system ${resource.system} is registered.`;
  if (connector !== resource.connector)
    return `System ${resource.system} is registered for the connector ${connector}, not ${resource.connector}.`;
  const named = effect.compensation?.connector;
  if (named !== undefined && named !== connector)
    return `Its recorded inverse names the connector ${named}, which is not that of the system.`;
  return undefined;
}
