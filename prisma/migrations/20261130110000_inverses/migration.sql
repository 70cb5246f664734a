-- The inverses of one attempt: a list says which of its attempts are undone.
CREATE INDEX "attempt_tenant_id_inverts_action_idx" ON "recant"."attempt" ("tenant_id", "inverts_action") WHERE "inverts_action" IS NOT NULL;
