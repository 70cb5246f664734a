-- Everybody who has had the key: who made it, whom it was made for, and who rotated a predecessor.
ALTER TABLE "recant"."credential" ADD COLUMN "people" TEXT[] COLLATE "C" DEFAULT ARRAY[]::TEXT[] CHECK (array_position("people", NULL) IS NULL);

CREATE OR REPLACE FUNCTION "recant"."refuse_revival" () RETURNS TRIGGER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$ BEGIN
  IF (NEW.tenant_id, NEW.key_id, NEW.secret_hash, NEW.roles, NEW.source_prefix, NEW.agents, NEW.resources, NEW.predecessor, NEW.people)
    IS NOT DISTINCT FROM (OLD.tenant_id, OLD.key_id, OLD.secret_hash, OLD.roles, OLD.source_prefix, OLD.agents, OLD.resources, OLD.predecessor, OLD.people)
    AND (OLD.revoked_at IS NULL OR NEW.revoked_at = OLD.revoked_at) IS TRUE
    AND (OLD.expires_at IS NULL OR NEW.expires_at <= OLD.expires_at) IS TRUE THEN RETURN NEW; END IF;
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('key %s can only be ended: UPDATE refused', OLD.key_id),
    HINT = 'A key never gets more rights or a later end: create another key.';
END $$;
