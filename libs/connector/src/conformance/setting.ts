import type { Names } from './play.ts';
import type { ConformanceWorld } from './subject.ts';

/** The world of the test that is running. */
export interface Setting {
  now(): { readonly world: ConformanceWorld; readonly names: Names };
}
