-- The same batch again is known by its points as they are packed, before they are unpacked, which is most of the work with it.
ALTER TABLE alzy.stretches ADD COLUMN packed bytea CHECK (octet_length(packed) = 32);
COMMENT ON COLUMN alzy.stretches.packed IS 'of all points of one batch: digest of their block, as packed, with their seqs and sessions';
