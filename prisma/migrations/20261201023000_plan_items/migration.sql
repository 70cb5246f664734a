-- What of a plan grows with its selection, one row an item. Insert-only, with its plan. The plan's digest covers header and items, in order.
CREATE TABLE "recant"."plan_item" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "plan_id" TEXT COLLATE "C" NOT NULL,
    "list" TEXT COLLATE "C" NOT NULL CHECK ("list" IN ('ambiguous', 'conflicts', 'left', 'steps', 'tainted')),
    -- from 1; of steps, the step
    "n" INTEGER NOT NULL CHECK ("n" >= 1),
    -- the item as JSON; of a step, what does not grow with its rows
    "head" TEXT NOT NULL,
    -- the rest of a step; absent: the head has everything, in plans from before this table
    "detail" TEXT,
    CONSTRAINT "plan_item_pkey" PRIMARY KEY ("tenant_id", "plan_id", "list", "n"),
    CONSTRAINT "plan_item_plan_fkey" FOREIGN KEY ("tenant_id", "plan_id") REFERENCES "recant"."plan" ("tenant_id", "id") ON DELETE RESTRICT
);

-- `json` keeps the text of each item, which the digest covers.
INSERT INTO "recant"."plan_item" ("tenant_id", "plan_id", "list", "n", "head")
  SELECT p.tenant_id, p.id, l.list, i.n, i.item::text
  FROM recant.plan p CROSS JOIN unnest(ARRAY['ambiguous', 'conflicts', 'left', 'steps', 'tainted']) AS l (list)
    CROSS JOIN LATERAL json_array_elements(p.body::json -> l.list) WITH ORDINALITY AS i (item, n);
ALTER TABLE "recant"."plan" RENAME COLUMN "body" TO "header";
UPDATE "recant"."plan" SET "header" = (
  SELECT '{' || string_agg(to_json(f.key)::text || ':' || f.value::text, ',') || '}' FROM json_each("header"::json) AS f
  WHERE f.key NOT IN ('ambiguous', 'conflicts', 'left', 'steps', 'tainted'));

CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "recant"."plan_item" FOR EACH STATEMENT EXECUTE FUNCTION "recant"."refuse_change" ();
ALTER TABLE "recant"."plan_item" ENABLE ALWAYS TRIGGER "append_only";
ALTER TABLE "recant"."plan_item" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "one_tenant" ON "recant"."plan_item" FOR SELECT TO recant_reader USING (tenant_id = current_setting('recant.tenant', true));
CREATE POLICY "all_tenants" ON "recant"."plan_item" TO recant_writer USING (true) WITH CHECK (true);
