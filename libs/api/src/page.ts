import { z } from 'zod';

/** Items per page: default and maximum. */
export const PAGE_ITEMS_DEFAULT = 50;
export const PAGE_ITEMS_MAX = 500;

export const PageQuery = {
  cursor: z.string().max(8_192).optional().meta({ description: '`next` of the previous page.' }),
  limit: z
    .int()
    .min(1)
    .max(PAGE_ITEMS_MAX)
    .optional()
    .meta({ description: `Items per page; default ${PAGE_ITEMS_DEFAULT}.` }),
};

/** A page and the cursor of the next one. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({
    items: z.array(item),
    next: z.string().optional().meta({ description: 'Cursor of the next page; absent on the last.' }),
  });
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string | undefined;
}
