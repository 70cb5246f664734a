import type { Names } from './play.ts';
import type { ConformanceWorld } from './subject.ts';

/** The world of the running test. */
export interface Setting {
  now(): { readonly world: ConformanceWorld; readonly names: Names };
}
