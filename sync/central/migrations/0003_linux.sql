-- Departure: a vehicle unit is none of android, ios and web. Alone in its step, because a new value of an enumerated
-- type can't be used in the transaction that adds it.
ALTER TYPE alzy.device_platform ADD VALUE IF NOT EXISTS 'linux';
