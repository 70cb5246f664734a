import { parseOnePerson } from '@recant/policy';
import { z } from 'zod';

/** Who counts as a second person, and how much one run may change. */
export const APPROVAL_ENV = {
  /** Logins of one human: `alice=alice-admin,bob=bob2`. */
  RECANT_SAME_PERSON: z
    .string()
    .default('')
    .transform((text, context) => {
      const onePerson = parseOnePerson(text);
      if (onePerson) return onePerson;
      context.addIssue({ code: 'custom', message: 'must be groups of subjects, <subject>=<subject>, comma-separated' });
      return z.NEVER;
    }),
  RECANT_RUN_ROWS_MAX: z.coerce.number('must be a number').int().min(1).default(10_000),
};
