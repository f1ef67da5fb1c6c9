-- Each transaction that changes what the centre has of a store leaves a checkpoint there: a random number, which its receipts name until
-- the next one. A unit names it again with its next batch. A centre that does not know it went back to an earlier state, as of a dump, in which
-- neither that transaction was nor any later one; so what the unit believed does not hold any more.
CREATE TABLE alzy.checkpoints
(
	store_number integer NOT NULL REFERENCES alzy.stores ON DELETE CASCADE,
	checkpoint bigint NOT NULL,
	PRIMARY KEY (store_number, checkpoint)
);
ALTER TABLE alzy.stores ADD COLUMN checkpoint bigint; -- the last of them
