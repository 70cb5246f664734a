/** Condition: run `older` was created before run `r`, is open, and holds a resource of one of its open steps. */
export const HOLDS_BEFORE = `older.tenant_id = r.tenant_id AND older.state NOT IN ('finished', 'cancelled')
  AND (older.created_at, older.id) < (r.created_at, r.id)
  AND EXISTS (SELECT 1 FROM recant.run_resource mine JOIN recant.run_resource theirs
    ON theirs.tenant_id = mine.tenant_id AND theirs.resource = mine.resource AND theirs.run_id = older.id
    WHERE mine.tenant_id = r.tenant_id AND mine.run_id = r.id)`;
