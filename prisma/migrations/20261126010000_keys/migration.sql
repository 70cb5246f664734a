-- Keys end: by revocation, at a time that was set, or some while after a successor was made.
ALTER TABLE "recant"."credential" ADD COLUMN "expires_at" TIMESTAMPTZ(3), ADD COLUMN "predecessor" TEXT COLLATE "C";
ALTER TABLE "recant"."credential" ADD CONSTRAINT "credential_predecessor_fkey" FOREIGN KEY ("tenant_id", "predecessor")
    REFERENCES "recant"."credential" ("tenant_id", "key_id") ON DELETE RESTRICT ON UPDATE RESTRICT;
-- One successor a key.
CREATE UNIQUE INDEX "credential_tenant_id_predecessor_key" ON "recant"."credential" ("tenant_id", "predecessor");

-- Whatever is changed about a key brings its end nearer.
CREATE FUNCTION "recant"."refuse_revival" () RETURNS TRIGGER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$ BEGIN
  IF (NEW.tenant_id, NEW.key_id, NEW.secret_hash, NEW.roles, NEW.source_prefix, NEW.agents, NEW.resources, NEW.predecessor)
    IS NOT DISTINCT FROM (OLD.tenant_id, OLD.key_id, OLD.secret_hash, OLD.roles, OLD.source_prefix, OLD.agents, OLD.resources, OLD.predecessor)
    AND (OLD.revoked_at IS NULL OR NEW.revoked_at = OLD.revoked_at) IS TRUE
    AND (OLD.expires_at IS NULL OR NEW.expires_at <= OLD.expires_at) IS TRUE THEN RETURN NEW; END IF;
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('the key %s only ends: this UPDATE is refused', OLD.key_id),
    HINT = 'No key gets more rights or a later end than it was made with: make another one.';
END $$;
CREATE TRIGGER "only_ends" BEFORE UPDATE ON "recant"."credential" FOR EACH ROW EXECUTE FUNCTION "recant"."refuse_revival" ();
ALTER TABLE "recant"."credential" ENABLE ALWAYS TRIGGER "only_ends";
