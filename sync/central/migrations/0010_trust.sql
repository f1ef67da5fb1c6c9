-- A key that was revoked opens nothing any more, and is known only so that its holder can be told; one that was merely
-- superseded still opens old sticks.
ALTER TABLE alzy.device_keys ADD COLUMN revoked_at timestamptz;
