import type { ErrorDescription } from './error-description.ts';

/** Codes of the operations on freezes. */
export const FREEZE_ERROR_CODES = {
  freeze_unknown: {
    status: 404,
    title: 'Unknown freeze',
    retry: 'never',
    action: 'Check the id; list the freezes of this tenant with `recant frozen --all`.',
  },
  freeze_ended: {
    status: 409,
    title: 'Freeze already ended',
    retry: 'never',
    action: 'Nothing to do. List the freezes in force with `recant frozen`.',
  },
  freeze_target_invalid: {
    status: 400,
    title: 'Invalid target of a freeze',
    retry: 'never',
    action: 'Name one agent, principal, session or tool, or freeze the tenant without a name.',
  },
  freezes_too_many: {
    status: 409,
    title: 'Too many freezes in force',
    retry: 'never',
    action: 'End freezes that are no longer needed with `recant thaw FREEZE`, or freeze the whole tenant.',
  },
} as const satisfies Record<string, ErrorDescription>;
