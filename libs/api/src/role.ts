import { z } from 'zod';

/** What a key may do. `rollback` is the rollback service's own. */
export const Role = z.enum(['emit', 'view', 'plan', 'execute', 'export', 'administer', 'rollback']).meta({ id: 'Role' });
export type Role = z.infer<typeof Role>;
