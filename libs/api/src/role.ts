import { ROLES } from '@recant/events';
import { z } from 'zod';

/** The roles of `ROLES` as a schema. */
export const Role = z.enum(ROLES).meta({ id: 'Role' });
export type Role = z.infer<typeof Role>;
