import { ApiFault, getDurability } from '@recant/api';
import { shardOf } from '@recant/events';
import { sourceWithin } from '@recant/ledger';
import { type BoundRoute, handle } from '@recant/service';
import type { Durability, PlaceNames, Published } from '@recant/store';

export interface DurabilityDeps {
  readonly published: Pick<Published, 'durability'>;
  readonly places: PlaceNames;
  /** Whether checkpoints are signed. */
  readonly signs: boolean;
  readonly shards: number;
}

/** How durably an event is recorded and anchored. A key may ask only about sources that it may send from. */
export function durabilityRoutes(deps: DurabilityDeps): readonly BoundRoute[] {
  return [
    handle(getDurability, async ({ query, caller: { credential } }) => {
      const { source, id } = query;
      const { tenant, sourcePrefix, keyId } = credential;
      if (!sourceWithin(sourcePrefix, source))
        throw new ApiFault('source_not_allowed', `Key ${keyId} may query only sources under ${sourcePrefix}, not ${source}.`);
      const shard = shardOf(tenant, source, deps.shards);
      const durability = await deps.published.durability({ tenant, shard }, source, id, deps.places);
      const { epoch, start, index } = durability;
      const place = index === undefined ? {} : { index: Number(index) };
      return { status: 200, body: { shard, epoch, start: Number(start), ...place, covered: isCovered(durability, deps) } };
    }),
  ];
}

/** Covered by the strongest configured evidence: an anchor or witness, else a signature, else the entry itself. */
function isCovered({ index, signed, external }: Durability, { places, signs }: DurabilityDeps): boolean {
  if (index === undefined) return false;
  if (places.anchors.length + places.witnesses.length > 0) return index < external;
  return !signs || index < signed;
}
