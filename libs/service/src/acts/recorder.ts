import { type ActRecorded, eventId, uuidv7 } from '@recant/events';
import type { Logger } from '../log.ts';
import { faultOfStore } from '../store-fault.ts';
import { ActSource, type ActSourceDeps } from './act-source.ts';
import { withinInline } from './detail.ts';
import { createLateActs } from './late-acts.ts';
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
  const late = createLateActs((tenant, data) => push(sourceOf(tenant), data), logger);

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

  const push = (source: ActSource, data: ActRecorded): Promise<void> =>
    source.push({ type: 'recant.act.recorded.v1', id: eventId.act(data.act, data.outcome), data });

  async function record({ tenant = deps.operatorTenant, code, operation, actor, operations, repeated }: CountedRefusal): Promise<void> {
    const act = uuidv7(clock(), random16());
    const detail = operations === undefined ? {} : { detail: withinInline({ operations }) };
    const data = { act, ...(actor && { actor }), operation, object: {}, outcome: 'refused', code, ...detail, repeated } as const;
    try {
      await push(sourceOf(tenant), data);
    } catch (err) {
      logger.error({ alarm: 'refusals_unrecorded', err, ...data }, 'acts: could not record authorization failures');
    }
  }

  return {
    async order({ tenant, operation, actor, object, selection, reason, request, despiteFullDisk = false }) {
      const act = uuidv7(clock(), random16());
      const source = sourceOf(tenant);
      const why = { ...(selection && { selection: withinInline(selection) }), ...(reason === undefined ? {} : { reason }) };
      const ordered = { act, actor, operation, object: withinInline(object), ...why, request };
      try {
        await push(source, { ...ordered, outcome: 'pending' });
      } catch (error) {
        if (!despiteFullDisk || faultOfStore(error)?.code !== 'store_full') throw error;
        logger.error(
          { alarm: 'act_unrecorded', tenant, ...ordered },
          'acts: the disk is full; an act is executed now and recorded once there is space',
        );
        return async (end) => late.add(tenant, endOf(ordered, end));
      }
      return async (end) => {
        try {
          await push(source, endOf(ordered, end));
        } catch (err) {
          // The act took effect; its `pending` entry remains without an end.
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
      await late.close();
      await Promise.allSettled([...sources.values()].map((source) => source.close()));
    },
  };
}

function endOf(ordered: Omit<ActRecorded, 'outcome'>, end: ActEnd): ActRecorded {
  if (end.outcome !== 'done') return { ...ordered, ...end };
  const { object, detail } = end;
  return {
    ...ordered,
    ...(object && { object: withinInline({ ...ordered.object, ...object }) }),
    outcome: 'done',
    ...(detail && { detail: withinInline(detail) }),
  };
}
