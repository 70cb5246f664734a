import { eventId, uuidv7 } from '@recant/events';
import type { Logger } from '../log.ts';
import { ActSource, type ActSourceDeps } from './act-source.ts';
import { fittingDetail } from './detail.ts';
import type { ActEnd, ActRecorder } from './port.ts';
import { type CountedRefusal, createRefusals } from './refusals.ts';

export interface ActRecorderDeps extends ActSourceDeps {
  /** Tenant whose log records the refusals of unauthenticated callers. */
  readonly operatorTenant: string;
  readonly logger: Logger;
}

/** Open sources, one a tenant; the least recently used is closed first. */
const SOURCES_MAX = 1_000;

export function createActRecorder(deps: ActRecorderDeps): ActRecorder {
  const { clock, random16, logger } = deps;
  const sources = new Map<string, ActSource>();
  const refusals = createRefusals(clock, record);

  function sourceOf(tenant: string): ActSource {
    const source = sources.get(tenant) ?? new ActSource(tenant, deps);
    sources.delete(tenant);
    sources.set(tenant, source);
    const [oldest] = sources;
    if (sources.size > SOURCES_MAX && oldest) {
      sources.delete(oldest[0]);
      oldest[1].close().catch((err: unknown) => logger.warn({ err }, 'acts: could not close an idle source'));
    }
    return source;
  }

  async function record(counted: CountedRefusal): Promise<void> {
    const { tenant = deps.operatorTenant, code, operation, by, count, firstMs, lastMs } = counted;
    const refusal = uuidv7(clock(), random16());
    const times = { first: new Date(firstMs).toISOString(), last: new Date(lastMs).toISOString() };
    const data = { refusal, code, operation, ...(by === undefined ? {} : { by }), count, ...times };
    try {
      await sourceOf(tenant).push({ type: 'recant.authority.refused.v1', id: eventId.authorityRefused(refusal), data });
    } catch (err) {
      logger.error({ alarm: 'refusals_unrecorded', err, code, operation, by, count }, 'acts: could not record authorization failures');
    }
  }

  return {
    async order({ tenant, operation, by, target, request }) {
      const act = uuidv7(clock(), random16());
      const source = sourceOf(tenant);
      await source.push({ type: 'recant.act.ordered.v1', id: eventId.actOrdered(act), data: { act, operation, by, target, request } });
      return async (end) => {
        try {
          await source.push({ type: 'recant.act.ended.v1', id: eventId.actEnded(act), data: { act, ...withinLimit(end) } });
        } catch (err) {
          // The act took effect; its `ordered` entry remains without an end.
          logger.error(
            { alarm: 'act_end_unrecorded', err, act, operation, outcome: end.outcome },
            'acts: could not record the end of an act',
          );
        }
      };
    },
    refused: refusals.count,
    async close() {
      await refusals.flush();
      await Promise.allSettled([...sources.values()].map((source) => source.close()));
    },
  };
}

function withinLimit(end: ActEnd): ActEnd {
  return end.outcome === 'done' && end.detail !== undefined ? { ...end, detail: fittingDetail(end.detail) } : end;
}
