import { NAME_BYTES_MAX, RESOURCE_BYTES_MAX, SYSTEM_NAME } from '@recant/events';
import { z } from 'zod';
import { reason } from './field.ts';

const name = z.string().min(1).max(NAME_BYTES_MAX);
const instant = z.string().meta({ description: 'ISO 8601 in UTC with milliseconds.', example: '2026-03-01T14:00:00.000Z' });
const systemName = z
  .string()
  .regex(SYSTEM_NAME, 'expected 1 to 64 letters, digits, ".", "_" or "-", starting with a letter or digit')
  .meta({ description: 'Authority of the resource URIs of this system.' });

export const SystemInput = z
  .object({
    name: systemName,
    connector: name,
    options: z.record(z.string(), z.unknown()).meta({ description: 'Options of the connector; encrypted at rest and never returned.' }),
  })
  .meta({ id: 'SystemInput' });
export type SystemInput = z.infer<typeof SystemInput>;
export const SystemCoverage = z
  .object({
    code: z.string(),
    scope: z.string().optional().meta({ description: 'Start of the resources whose writes may be unrecorded.' }),
    detail: z.string(),
    action: z.string().meta({ description: 'What to do.' }),
  })
  .meta({ id: 'SystemCoverage' });
export const AcceptIncompleteInput = z
  .object({
    scope: z
      .string()
      .min(1)
      .max(RESOURCE_BYTES_MAX)
      .optional()
      .meta({ description: 'Start of resources, such as `postgres://shop/public.orders/`. Default: the whole system.' }),
    reason,
  })
  .meta({ id: 'AcceptIncompleteInput' });
export type AcceptIncompleteInput = z.infer<typeof AcceptIncompleteInput>;
export const AcceptedIncomplete = z.object({ accepted: z.array(SystemCoverage) }).meta({ id: 'AcceptedIncomplete' });
export type AcceptedIncomplete = z.infer<typeof AcceptedIncomplete>;
export const SystemBody = z
  .object({
    name: systemName,
    connector: name,
    identity: z.string().meta({ description: 'Identity of the system itself, which distinguishes it from another with the same name.' }),
    registeredAt: instant,
    coverage: z
      .array(SystemCoverage)
      .optional()
      .meta({ description: 'Holes in its capture at the last check. Absent: not checked yet, or nothing to check.' }),
  })
  .meta({ id: 'System' });
export type SystemBody = z.infer<typeof SystemBody>;
export const SystemList = z
  .object({
    tenant: z.string().meta({ description: 'Tenant of the caller: with the name of the ledger, who captures a target.' }),
    items: z.array(SystemBody),
  })
  .meta({ id: 'SystemList' });
export type SystemList = z.infer<typeof SystemList>;
