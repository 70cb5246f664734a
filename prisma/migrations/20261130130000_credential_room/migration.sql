-- Room in each page for a second version of each of its rows: a key can be ended while the disk is full.
ALTER TABLE "recant"."credential" SET (fillfactor = 50);
