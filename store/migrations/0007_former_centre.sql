-- The key of the centre that this store was paired with before: another one does not get all rows without being meant to.
ALTER TABLE store ADD COLUMN former_centre BLOB CHECK (length(former_centre) = 32);
