-- Keys end by revocation, by expiry, or after the overlap with a successor.
ALTER TABLE "recant"."credential" ADD COLUMN "expires_at" TIMESTAMPTZ(3), ADD COLUMN "predecessor" TEXT COLLATE "C";
ALTER TABLE "recant"."credential" ADD CONSTRAINT "credential_predecessor_fkey" FOREIGN KEY ("tenant_id", "predecessor")
    REFERENCES "recant"."credential" ("tenant_id", "key_id") ON DELETE RESTRICT ON UPDATE RESTRICT;
-- At most one successor per key.
CREATE UNIQUE INDEX "credential_tenant_id_predecessor_key" ON "recant"."credential" ("tenant_id", "predecessor");

-- Updates of a key can only bring its end forward.
CREATE FUNCTION "recant"."refuse_revival" () RETURNS TRIGGER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$ BEGIN
  IF (NEW.tenant_id, NEW.key_id, NEW.secret_hash, NEW.roles, NEW.source_prefix, NEW.agents, NEW.resources, NEW.predecessor)
    IS NOT DISTINCT FROM (OLD.tenant_id, OLD.key_id, OLD.secret_hash, OLD.roles, OLD.source_prefix, OLD.agents, OLD.resources, OLD.predecessor)
    AND (OLD.revoked_at IS NULL OR NEW.revoked_at = OLD.revoked_at) IS TRUE
    AND (OLD.expires_at IS NULL OR NEW.expires_at <= OLD.expires_at) IS TRUE THEN RETURN NEW; END IF;
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('key %s can only be ended: UPDATE refused', OLD.key_id),
    HINT = 'A key never gets more rights or a later end: create another key.';
END $$;
CREATE TRIGGER "only_ends" BEFORE UPDATE ON "recant"."credential" FOR EACH ROW EXECUTE FUNCTION "recant"."refuse_revival" ();
ALTER TABLE "recant"."credential" ENABLE ALWAYS TRIGGER "only_ends";
