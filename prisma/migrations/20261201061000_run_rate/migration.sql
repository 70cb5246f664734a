-- When the rate of the run allows its next batch, whichever worker has it then; NULL: at once.
ALTER TABLE "recant"."run" ADD COLUMN "rate_free_at" TIMESTAMPTZ(3);
