-- For the alarm watch: the stuck steps of open runs, and the events with which an attempt becomes a large one. Both hold few rows.
CREATE INDEX "run_step_stuck_idx" ON "recant"."run_step" ("tenant_id", "run_id", "step") WHERE "state" = 'stuck';
CREATE INDEX "effect_count_large_idx" ON "recant"."effect_count" ("tenant_id", "shard", "idx") WHERE greatest("reported_sum", "observed_sum") >= 1000;
