/** A call that must not be repeated. Times are milliseconds since 1970, UTC, by the database's clock. */
export interface FenceRecord {
  readonly id: string;
  readonly tool: string;
  /** Declared resources, at most RESOURCES_SHOWN_MAX. Of a call without any, its arguments are compared. */
  readonly resources: readonly string[];
  readonly resourceCount: number;
  /** Undefined: every agent. */
  readonly agent?: string;
  readonly reason: string;
  readonly by: string;
  readonly setAtMs: number;
  readonly expiresAtMs: number;
  /** The run that undoes the call. */
  readonly run?: string;
  /** `by` and `reason` are absent if the fence expired. */
  readonly ended?: { readonly atMs: number; readonly by?: string; readonly reason?: string };
  /** The newest permission for one repetition. */
  readonly allow?: FenceAllow;
  /** Calls that it stopped, counted up to HITS_COUNTED_MAX. */
  readonly stopped: number;
}

export interface FenceAllow {
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
  /** The intent that used it. */
  readonly used?: { readonly atMs: number; readonly source: string; readonly event: string };
}

export const RESOURCES_SHOWN_MAX = 20;
const HITS_COUNTED_MAX = 1_000;

/** Of a fence `f`. */
export const IN_FORCE = 'f.ended_at IS NULL AND f.expires_at > clock_timestamp()';
export const FENCE_COLUMNS = `f.id, f.tool, f.resources, f.resource_count, f.agent, f.reason, f.set_by, f.set_at, f.expires_at, f.run_id, f.ended_at, f.ended_by, f.end_reason,
  (SELECT jsonb_build_object('by', a.allowed_by, 'reason', a.reason, 'at', extract(epoch FROM a.allowed_at) * 1000, 'used', extract(epoch FROM a.used_at) * 1000,
      'source', a.used_source, 'event', a.used_event)
    FROM recant.fence_allow a WHERE a.tenant_id = f.tenant_id AND a.fence_id = f.id ORDER BY a.allowed_at DESC LIMIT 1) AS allow,
  (SELECT count(*)::int FROM (SELECT FROM recant.fence_hit h WHERE h.tenant_id = f.tenant_id AND h.fence_id = f.id LIMIT ${HITS_COUNTED_MAX}) h) AS stopped`;

export interface FenceSqlRow {
  readonly id: string;
  readonly tool: string;
  readonly resources: string[];
  readonly resource_count: number;
  readonly agent: string;
  readonly reason: string;
  readonly set_by: string;
  readonly set_at: Date;
  readonly expires_at: Date;
  readonly run_id: string | null;
  readonly ended_at: Date | null;
  readonly ended_by: string | null;
  readonly end_reason: string | null;
  readonly allow: AllowJson | null;
  readonly stopped: number;
}

interface AllowJson {
  readonly by: string;
  readonly reason: string;
  readonly at: number;
  readonly used: number | null;
  readonly source: string;
  readonly event: string;
}

export function fenceOf(row: FenceSqlRow): FenceRecord {
  const { id, tool, resources, resource_count, agent, reason, set_by, set_at, expires_at, run_id, allow, stopped } = row;
  return {
    ...{ id, tool, resources, reason, stopped },
    resourceCount: resource_count,
    ...(agent === '' ? {} : { agent }),
    by: set_by,
    setAtMs: set_at.getTime(),
    expiresAtMs: expires_at.getTime(),
    ...(run_id === null ? {} : { run: run_id }),
    ...endOf(row),
    ...(allow && { allow: allowOf(allow) }),
  };
}

function endOf({ ended_at, ended_by, end_reason }: FenceSqlRow): Pick<FenceRecord, 'ended'> {
  if (ended_at === null) return {};
  const by = ended_by === null ? {} : { by: ended_by };
  return { ended: { atMs: ended_at.getTime(), ...by, ...(end_reason === null ? {} : { reason: end_reason }) } };
}

function allowOf({ by, reason, at, used, source, event }: AllowJson): FenceAllow {
  return { by, reason, atMs: Math.round(at), ...(used === null ? {} : { used: { atMs: Math.round(used), source, event } }) };
}
