/** `changed`: recorders and systems have to learn of freezes or fences. `answered`: a recorder obeys them, or a system refuses. */
export type FreezeEvent = 'changed' | 'answered';

/** What this process did to freezes and fences. What other processes did is found by looking. */
export interface FreezeNews {
  tell(tenant: string, event: FreezeEvent): void;
  /** @returns ends the subscription */
  subscribe(listener: (tenant: string, event: FreezeEvent) => void): () => void;
}

export function createFreezeNews(): FreezeNews {
  const listeners = new Set<Parameters<FreezeNews['subscribe']>[0]>();
  return {
    tell(tenant, event) {
      for (const listener of [...listeners]) listener(tenant, event);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
