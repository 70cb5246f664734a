-- How many steps, conflicts and rows a plan has: its view reads no item.
ALTER TABLE "recant"."plan" ADD COLUMN "counts" JSONB;
UPDATE "recant"."plan" AS p SET "counts" = (
  SELECT jsonb_build_object(
    'steps', count(*) FILTER (WHERE i.list = 'steps'),
    'left', count(*) FILTER (WHERE i.list = 'left'),
    'conflicts', count(*) FILTER (WHERE i.list = 'conflicts'),
    'stopping', count(*) FILTER (WHERE i.list = 'conflicts' AND i.head::json ->> 'passed' IS NULL),
    'ambiguous', count(*) FILTER (WHERE i.list = 'ambiguous'),
    'tainted', count(*) FILTER (WHERE i.list = 'tainted'),
    'cascaded', count(*) FILTER (WHERE i.list = 'steps' AND i.head::json ->> 'cascaded' IS NOT NULL),
    'claimed', count(*) FILTER (WHERE i.list = 'steps' AND i.head::json ->> 'grade' = 'claimed'),
    'overwriting', count(*) FILTER (WHERE i.list = 'steps' AND i.head::json -> 'overwrites' IS NOT NULL),
    'overwrites', coalesce(sum(json_array_length(coalesce(i.detail, i.head)::json -> 'overwrites')) FILTER (WHERE i.list = 'steps'), 0),
    'rows', (SELECT count(DISTINCT r.name) FROM recant.plan_item s,
        json_array_elements(coalesce(s.detail, s.head)::json -> 'systems') AS y, json_object_keys(y -> 'knownOrdinals') AS r (name)
      WHERE s.tenant_id = p.tenant_id AND s.plan_id = p.id AND s.list = 'steps'))
  FROM recant.plan_item i WHERE i.tenant_id = p.tenant_id AND i.plan_id = p.id);
ALTER TABLE "recant"."plan" ALTER COLUMN "counts" SET NOT NULL;
