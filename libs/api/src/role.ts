import { z } from 'zod';

/** What a caller may do. `rollback` is for Recant's own services, `approve` for people only. `unseal`: read what was sealed. */
export const ROLES = ['emit', 'view', 'plan', 'execute', 'export', 'administer', 'unseal', 'approve', 'rollback'] as const;
export const Role = z.enum(ROLES).meta({ id: 'Role' });
export type Role = z.infer<typeof Role>;
