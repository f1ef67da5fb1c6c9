-- Keys by which this unit has known its centre before: a receipt on a stick that was long on its way may be signed by one.
CREATE TABLE former_keys (
	public_key  BLOB    PRIMARY KEY NOT NULL CHECK (length(public_key) = 32),
	replaced_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
