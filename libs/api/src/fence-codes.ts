import type { ErrorDescription } from './error-description.ts';

/** Codes of the operations on fences, and of an intent that a fence stops. */
export const FENCE_ERROR_CODES = {
  fenced: {
    status: 409,
    title: 'Call fenced',
    retry: 'never',
    action:
      'Do not run the tool, and settle the attempt as `denied`: its intent is recorded. If it is meant, ask an operator for `recant fence allow FENCE`.',
  },
  fence_unknown: {
    status: 404,
    title: 'Unknown fence',
    retry: 'never',
    action: 'Check the id; list the fences of this tenant with `recant fences --ended`.',
  },
  fence_ended: {
    status: 409,
    title: 'Fence already ended',
    retry: 'never',
    action: 'Nothing to do: the call is not stopped. List the fences in force with `recant fences`.',
  },
  fence_call_invalid: {
    status: 400,
    title: 'Invalid call of a fence',
    retry: 'never',
    action: 'Name a recorded action, or a tool and at least one resource that its calls declare.',
  },
  fence_call_unknown: {
    status: 409,
    title: 'Call not recorded',
    retry: 'never',
    action: 'Freeze the tool instead (`recant freeze --tool NAME`), or pass --tool and --resource.',
  },
  fences_too_many: {
    status: 409,
    title: 'Too many fences in force',
    retry: 'never',
    action: 'End fences that are no longer needed with `recant unfence FENCE`, or freeze the tool with `recant freeze --tool NAME`.',
  },
} as const satisfies Record<string, ErrorDescription>;
