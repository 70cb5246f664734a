import { NAME_BYTES_MAX, RESOURCE_BYTES_MAX } from '@recant/events';
import { z } from 'zod';

const name = z.string().min(1).max(NAME_BYTES_MAX);
const names = z.array(name).min(1).max(1_000).optional();

const Where = z.union([z.string().min(1).max(16_384), z.looseObject({})]).meta({
  description:
    "A condition, and-ed with the fields: text such as `agent = 'pricing-bot' and tool != 'lookup' and since 2h`, or its parsed form.",
});
/** The selection grammar of API and CLI: fields are and-ed, values of one field or-ed; they are a shorthand of `where`. */
export const SelectionInput = z
  .strictObject({
    agents: names,
    sessions: names,
    traces: names,
    tools: names,
    resources: z
      .array(z.string().min(1).max(RESOURCE_BYTES_MAX))
      .min(1)
      .max(1_000)
      .optional()
      .meta({ description: 'Resource URIs, exact or ending in `*`.' }),
    outcomes: names,
    actions: names,
    runs: names.meta({ description: 'Runs to roll back: selects the inverses that they wrote.' }),
    fromMs: z.int().min(0).optional().meta({ description: 'Milliseconds since 1970, UTC; the window is `[fromMs, toMs)`.' }),
    toMs: z.int().min(0).optional(),
    where: Where.optional(),
    ambiguous: z.array(z.string().min(1).max(RESOURCE_BYTES_MAX)).min(1).max(1_000).optional().meta({
      description:
        'Ambiguous changes of the selected attempts that are undone too: resource URIs, exact or ending in `*`. Other ambiguous changes stay.',
    }),
    clock: z
      .enum(['received', 'claimed'])
      .optional()
      .meta({ description: 'Clock of the window: the ledger’s (`received`, default) or the producer’s (`claimed`).' }),
  })
  .meta({ id: 'Selection' });
export type SelectionInput = z.infer<typeof SelectionInput>;
export const WindowInput = z
  .strictObject({ from: z.string().max(64).optional(), to: z.string().max(64).optional(), window: z.string().max(64).optional() })
  .meta({
    id: 'Window',
    description:
      '`from` and `to`: ISO 8601 with a zone, or a duration before now (`2h`, `1h30m`). `window`: a duration that ends now, or at `to`, or starts at `from`.',
  });
export type WindowInput = z.infer<typeof WindowInput>;
