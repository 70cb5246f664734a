import { afterEach, beforeEach, describe } from 'vitest';
import { invertingProperties } from './inverting.ts';
import { createNames, INITIAL } from './play.ts';
import { recordingProperties } from './recording.ts';
import { refusingProperties } from './refusing.ts';
import type { Setting } from './setting.ts';
import type { ConformanceSubject, ConformanceWorld } from './subject.ts';

export type { ConformanceSubject, ConformanceWorld, WorldOp } from './subject.ts';

/**
 * Registers the tests that every connector has to pass on its real system. Call it at the top of a vitest file.
 * What a kill in the middle leaves is not in here: that needs each connector's own failpoints.
 */
export function connectorConformance<Handle>(subject: ConformanceSubject<Handle>): void {
  describe(`${subject.name} keeps the connector contract`, { timeout: subject.timeoutMs ?? 30_000 }, () => {
    let current: ReturnType<Setting['now']> | undefined;
    const setting: Setting = {
      now: () => {
        if (current === undefined) throw new Error('no test is running');
        return current;
      },
    };
    beforeEach(async () => {
      // The kit hands a world's handle only back to the same world.
      const world = (await subject.setUp(INITIAL)) as ConformanceWorld;
      current = { world, names: createNames() };
    }, subject.timeoutMs ?? 30_000);
    afterEach(async () => {
      await current?.world.tearDown();
      current = undefined;
    });
    describe('recording', () => recordingProperties(setting));
    describe('inverting', () => invertingProperties(setting));
    describe('refusing', () => refusingProperties(setting));
  });
}
