import { type Effect, EVENT_BYTES_MAX, type VersionOrAbsent } from '@recant/events';
import { CONNECTOR, EXISTS, formatRow } from './resource.ts';

/** One row of the view `recant.effect`: versions only, no image. */
export interface EffectRow {
  readonly ordinal: string;
  readonly schema_name: string;
  readonly table_name: string;
  readonly key: readonly string[];
  readonly operation: string;
  /** Written parts: [before, after]. */
  readonly parts: Readonly<Record<string, readonly [VersionOrAbsent, VersionOrAbsent]>>;
  /** Version of `exists` where the row was there and stayed. */
  readonly read: VersionOrAbsent;
}

const IMAGE = /^change\/([1-9][0-9]{0,18})$/;

export const imageReference = (ordinal: string): string => `change/${ordinal}`;
export const ordinalOfImage = (reference: string): string | undefined => IMAGE.exec(reference)?.[1];

/** The same for the drain, and for the inverse, which looks again. */
export function effectOf(system: string, row: EffectRow): Effect {
  const parts = Object.fromEntries(Object.entries(row.parts).map(([part, [before, after]]) => [part, { before, after }]));
  return {
    resource: formatRow({ system, schema: row.schema_name, table: row.table_name, key: row.key }),
    operation: row.operation,
    ordinal: row.ordinal,
    parts,
    ...(row.read === null ? {} : { reads: { [EXISTS]: row.read } }),
    ...(row.operation === 'history' ? {} : { compensation: { connector: CONNECTOR, images: [imageReference(row.ordinal)] } }),
  };
}

/** A part costs up to 160 bytes in an event, its name included: a full row has to fit one chunk of effects. */
export const COLUMNS_MAX = Math.floor((EVENT_BYTES_MAX - 4_096) / 160);
