import { listSources, PAGE_ITEMS_DEFAULT, type SourceBody } from '@recant/api';
import { type BoundRoute, handle } from '@recant/service';
import type { Queries, SourceSummary } from '@recant/store';

/** Sources of the caller's tenant, with missing, late and duplicate events. */
export function sourceRoutes(queries: Queries, clock: () => number): readonly BoundRoute[] {
  return [
    handle(listSources, async ({ caller, query, signal }) => {
      const nowMs = clock();
      const page = await queries.sources(caller.tenant, {
        limit: query.limit ?? PAGE_ITEMS_DEFAULT,
        nowMs,
        signal,
        ...(query.cursor === undefined ? {} : { cursor: query.cursor }),
        ...(query.gaps === undefined ? {} : { gaps: query.gaps }),
      });
      return {
        status: 200,
        body: {
          items: page.sources.map(sourceBody),
          ...(page.next === undefined ? {} : { next: page.next }),
          ...(query.totals ? { totals: await queries.sourceTotals(caller.tenant, nowMs, signal) } : {}),
        },
      };
    }),
  ];
}

function sourceBody({ receivedAtMs, holesShown, ...rest }: SourceSummary): SourceBody {
  return { ...rest, holesShown: [...holesShown], receivedAt: new Date(receivedAtMs).toISOString() };
}
