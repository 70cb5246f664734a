import type { Caller } from './caller.ts';

/** Roles of the people and services that stop agents: they have reserved capacity. */
const OPERATORS: ReadonlySet<string> = new Set(['administer', 'execute', 'plan', 'approve', 'rollback']);

export function isOperator({ roles }: Pick<Caller, 'roles'>): boolean {
  return roles.some((role) => OPERATORS.has(role));
}
