import type { Capture, CapturingSystem } from '@recant/connector';
import type { AttemptRef, Effect } from '@recant/events';

/** An in-memory system that follows the connector contract and records its calls. */
export interface MemorySystem extends CapturingSystem<{ write(key: string): Promise<void> }> {
  readonly captured: AttemptRef[];
  released: number;
  /** Errors to throw at the next captures or settlements. */
  readonly captureErrors: unknown[];
  readonly settleErrors: unknown[];
}

export function memorySystem(name: string): MemorySystem {
  let ordinal = 0;
  const system: MemorySystem = {
    name,
    connector: 'memory',
    captured: [],
    released: 0,
    captureErrors: [],
    settleErrors: [],
    async capture(attempt, resources): Promise<Capture<{ write(key: string): Promise<void> }>> {
      if (system.captureErrors.length > 0) throw system.captureErrors.shift();
      system.captured.push(attempt);
      const effects: Effect[] = [];
      return {
        before: Object.fromEntries(resources.map((resource) => [resource, { exists: 'v1.before' }])),
        handle: {
          async write(key) {
            ordinal += 1;
            effects.push(effectOf(name, key, ordinal));
          },
        },
        async *settle() {
          for (const [index, effect] of effects.entries()) {
            if (index === 1 && system.settleErrors.length > 0) throw system.settleErrors.shift();
            yield effect;
          }
        },
        release: async () => {
          system.released += 1;
        },
      };
    },
  };
  return system;
}

export function effectOf(system: string, key: string, ordinal: number): Effect {
  return {
    resource: `memory://${system}/${key}`,
    operation: 'write',
    ordinal: String(ordinal),
    parts: { value: { before: null, after: `v1.${ordinal}` } },
    compensation: { connector: 'memory', images: [String(ordinal)] },
  };
}
