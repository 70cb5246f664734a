-- When the run pauses by itself, and how many rows and files it changes a second at most; NULL: no limit.
ALTER TABLE "recant"."run" ADD COLUMN "deadline_at" TIMESTAMPTZ(3),
  ADD COLUMN "rows_per_second" INTEGER CHECK ("rows_per_second" >= 1);
