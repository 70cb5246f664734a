import { MISSING_KINDS } from '@recant/events';
import { z } from 'zod';
import { instant } from './field.ts';

export const MissingBody = z
  .object({
    id: z.string().meta({ description: 'Follows from what is missing: an acceptance covers that much and no more.' }),
    kind: z.enum(MISSING_KINDS),
    subject: z.string().meta({ description: 'Source, system, topic, or action and attempt.' }),
    detail: z.string(),
    action: z.string().meta({ description: 'How to get it.' }),
    accepted: z.literal(true).optional(),
  })
  .meta({ id: 'Missing' });
export type MissingBody = z.infer<typeof MissingBody>;
export const WatermarkBody = z
  .object({
    at: instant.meta({
      description: 'The plan has what was sent to the ledger or committed in a system before, except for what is missing.',
    }),
    systems: z.array(z.string()).meta({ description: 'Captured systems that were drained as far as they reached then.' }),
    topics: z.array(z.string()).meta({ description: 'Kafka topics that were read as far as they reached then.' }),
    missing: z.array(MissingBody).meta({
      description:
        'What the ledger may lack of the selection. In mode `refuse` the plan does not run before a person accepted each by its id; no run of it ends `fully_restored`.',
    }),
    acceptance: z.object({ by: z.string(), reason: z.string() }).optional(),
  })
  .meta({ id: 'Watermark' });
export type WatermarkBody = z.infer<typeof WatermarkBody>;
