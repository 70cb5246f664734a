import { hash } from 'node:crypto';
import { canonicalize } from './canonical.ts';
import type { AttemptIntended } from './types.ts';

/** A tool call, as far as it is compared with another one. */
export type Call = Pick<AttemptIntended, 'tool' | 'resources' | 'arguments'>;

/**
 * Two calls repeat each other if their keys are equal: the same tool and the same set of declared resources, whatever the arguments; for calls without
 * declared resources, the same tool and the same arguments. Lower-case hex SHA-256 of canonical JSON. Undefined where nothing identifies the call:
 * no resources, and arguments in a part, whose digest is salted.
 */
export function callKey({ tool, resources, arguments: content }: Call): string | undefined {
  if (resources.length > 0) return hash('sha256', canonicalize({ tool, resources: [...new Set(resources)].sort() }));
  return 'inline' in content ? hash('sha256', canonicalize({ tool, arguments: content.inline })) : undefined;
}

/**
 * Two calls with equal keys are the same call, made twice: the same tool, arguments and declared resources, in any order of members. A mask equals the masks of the same value within
 * one recorder. Lower-case hex SHA-256 of canonical JSON. Undefined where nothing tells two calls apart: arguments in a part, whose digest is salted, or neither arguments nor resources.
 */
export function sameCallKey({ tool, resources, arguments: content }: Call): string | undefined {
  if (!('inline' in content)) return undefined;
  if (resources.length === 0 && Object.keys(content.inline).length === 0) return undefined;
  return hash('sha256', canonicalize({ tool, resources: [...new Set(resources)].sort(), arguments: content.inline }));
}
