import { afterEach, beforeEach, describe } from 'vitest';
import { invertingProperties, rehearsingProperties, repeatingProperties } from './inverting.ts';
import { createNames, INITIAL } from './play.ts';
import { recordingProperties } from './recording.ts';
import { conflictProperties, forgeryProperties, stepProperties } from './refusing.ts';
import type { Setting } from './setting.ts';
import type { ConformanceSubject, ConformanceWorld } from './subject.ts';

export type { ConformanceSubject, ConformanceWorld, WorldOp } from './subject.ts';

/**
 * Registers the tests that every connector must pass on its real system. Call it at the top level of a vitest file.
 * Process kills are not covered: they need the connector's own failpoints.
 */
export function connectorConformance<Handle>(subject: ConformanceSubject<Handle>): void {
  describe(`${subject.name} follows the connector contract`, { timeout: subject.timeoutMs ?? 30_000 }, () => {
    let current: ReturnType<Setting['now']> | undefined;
    const setting: Setting = {
      now: () => {
        if (current === undefined) throw new Error('no test is running');
        return current;
      },
    };
    beforeEach(async () => {
      // Safe: a handle is passed only to the world that created it.
      const world = (await subject.setUp(INITIAL)) as ConformanceWorld;
      current = { world, names: createNames() };
    }, subject.timeoutMs ?? 30_000);
    afterEach(async () => {
      await current?.world.tearDown();
      current = undefined;
    });
    describe('recording', () => recordingProperties(setting));
    describe('inverting', () => {
      invertingProperties(setting);
      repeatingProperties(setting);
      rehearsingProperties(setting);
    });
    describe('refusing', () => {
      conflictProperties(setting);
      stepProperties(setting);
      forgeryProperties(setting);
    });
  });
}
