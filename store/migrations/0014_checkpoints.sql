-- A number by which the centre knows the state of a store that its last receipt has told of; 0: none. When it does not know it any more, it
-- went back to an earlier state, and nothing that was believed of rows holds. Until then this was said by what it took last of the unit.
ALTER TABLE identities ADD COLUMN checkpoint INTEGER NOT NULL DEFAULT 0;
ALTER TABLE centre DROP COLUMN latest_store;
ALTER TABLE centre DROP COLUMN latest_stream;
ALTER TABLE centre DROP COLUMN latest_first;
ALTER TABLE centre DROP COLUMN latest_last;
ALTER TABLE centre DROP COLUMN latest_digest;
