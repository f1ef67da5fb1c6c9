-- Departure: a vehicle unit is none of android, ios and web. No migration may use the new value: it can't be used in the
-- transaction that adds it to a type that was there before.
ALTER TYPE alzy.device_platform ADD VALUE IF NOT EXISTS 'linux';
