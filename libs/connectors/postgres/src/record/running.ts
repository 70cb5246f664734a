import type { AttemptRef } from '@recant/events';

/** The attempt whose tool runs in an async context. */
export interface Running {
  readonly attempt: AttemptRef;
  /** Resolves once the target knows the attempt. Rejects if it cannot, and with code `closed` once the attempt has ended. */
  readonly captured: () => Promise<void>;
}

/** Whether statements of this attempt are to be named: not once it has ended. @throws what `captured` rejects with otherwise */
export async function isCaptured({ captured }: Running): Promise<boolean> {
  try {
    await captured();
    return true;
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === 'closed') return false;
    throw error;
  }
}
