import { eventId, uuidv7 } from '@recant/events';
import type { Logger } from '../log.ts';
import { fittingDetail } from './detail.ts';
import { ActLane, type LaneDeps } from './lane.ts';
import type { ActEnd, ActRecorder } from './port.ts';
import { type CountedRefusal, createRefusals } from './refusals.ts';

export interface ActRecorderDeps extends LaneDeps {
  /** Whose log tells of refusals where nobody was identified. */
  readonly operatorTenant: string;
  readonly logger: Logger;
}

/** Tenants with a source at once; the one that acted longest ago is closed for another. */
const LANES_MAX = 1_000;

export function createActRecorder(deps: ActRecorderDeps): ActRecorder {
  const { clock, random16, logger } = deps;
  const lanes = new Map<string, ActLane>();
  const refusals = createRefusals(clock, record);

  function laneOf(tenant: string): ActLane {
    const lane = lanes.get(tenant) ?? new ActLane(tenant, deps);
    lanes.delete(tenant);
    lanes.set(tenant, lane);
    const [oldest] = lanes;
    if (lanes.size > LANES_MAX && oldest) {
      lanes.delete(oldest[0]);
      oldest[1].close().catch((err: unknown) => logger.warn({ err }, 'a source of acts stays open'));
    }
    return lane;
  }

  async function record(counted: CountedRefusal): Promise<void> {
    const { tenant = deps.operatorTenant, code, operation, by, count, firstMs, lastMs } = counted;
    const refusal = uuidv7(clock(), random16());
    const times = { first: new Date(firstMs).toISOString(), last: new Date(lastMs).toISOString() };
    const data = { refusal, code, operation, ...(by === undefined ? {} : { by }), count, ...times };
    try {
      await laneOf(tenant).push({ type: 'recant.authority.refused.v1', id: eventId.authorityRefused(refusal), data });
    } catch (err) {
      logger.error({ alarm: 'refusals_unrecorded', err, code, operation, by, count }, 'refusals of authority could not be recorded');
    }
  }

  return {
    async order({ tenant, operation, by, target, request }) {
      const act = uuidv7(clock(), random16());
      const lane = laneOf(tenant);
      await lane.push({ type: 'recant.act.ordered.v1', id: eventId.actOrdered(act), data: { act, operation, by, target, request } });
      return async (end) => {
        try {
          await lane.push({ type: 'recant.act.ended.v1', id: eventId.actEnded(act), data: { act, ...fitting(end) } });
        } catch (err) {
          // It was carried out: the entry that ordered it stands, without its end.
          logger.error(
            { alarm: 'act_end_unrecorded', err, act, operation, outcome: end.outcome },
            'the end of an act could not be recorded',
          );
        }
      };
    },
    refused: refusals.count,
    async close() {
      await refusals.flush();
      await Promise.allSettled([...lanes.values()].map((lane) => lane.close()));
    },
  };
}

function fitting(end: ActEnd): ActEnd {
  return end.outcome === 'done' && end.detail !== undefined ? { ...end, detail: fittingDetail(end.detail) } : end;
}
