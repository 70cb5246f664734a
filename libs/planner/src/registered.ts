import { parseResource, resourceMatches } from '@recant/events';
import type { RecordedAttempt, RecordedEffect } from './ports.ts';

/**
 * I13: a claimed effect counts only on resources that the attempt's key is registered for. Other claimed effects get no step and cause no conflict, or
 * any key could block any rollback; the connector's guard still protects what is really at the target.
 */
export function isRegisteredFor(attempt: RecordedAttempt, resource: string): boolean {
  return (
    attempt.grade === 'attested' ||
    attempt.inverts !== undefined ||
    attempt.registered.some((pattern) => resourceMatches(pattern, resource))
  );
}

/**
 * I13: why nothing may be written to undo this effect; undefined where it may. Only registered names are accepted.
 * @param systems connector by name of system.
 */
export function notRegistered(attempt: RecordedAttempt, effect: RecordedEffect, systems: ReadonlyMap<string, string>): string | undefined {
  if (!isRegisteredFor(attempt, effect.resource))
    return `Key ${attempt.keyId} is not registered for this resource (\`--resource\` of \`recant keys create\`), so the effect cannot be undone.`;
  const resource = parseResource(effect.resource);
  if (resource === undefined) return `Not a resource URI: ${effect.resource}.`;
  const connector = systems.get(resource.system);
  if (connector === undefined) return `System ${resource.system} is not registered.`;
  if (connector !== resource.connector)
    return `Wrong connector for system ${resource.system}: expected ${connector}, got ${resource.connector}.`;
  const named = effect.compensation?.connector;
  if (named !== undefined && named !== connector) return `Wrong connector in the recorded inverse: expected ${connector}, got ${named}.`;
  return undefined;
}
