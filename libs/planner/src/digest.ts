import { createHash } from 'node:crypto';
import { canonicalize } from '@recant/events';
import type { PlanBody } from './plan.ts';

/** Canonical JSON (RFC 8785) of what the digest covers. */
export function planBytes(body: PlanBody): string {
  return canonicalize(body);
}

/** Lower-case hex SHA-256 of `planBytes`. */
export function planDigest(body: PlanBody): string {
  return createHash('sha256').update(planBytes(body), 'utf8').digest('hex');
}
