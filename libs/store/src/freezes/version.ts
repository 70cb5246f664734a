/** Number of a tenant's latest change of its freezes and fences. Takes the row lock that grants of leases share. */
export const NEXT_VERSION = `INSERT INTO recant.freeze_version AS v (tenant_id, version) VALUES ($1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
  ON CONFLICT (tenant_id) DO UPDATE SET version = greatest(v.version + 1, EXCLUDED.version) RETURNING version`;
