-- By which of the centre's keys a unit knows it: when none is left that speaks to an old one, that can go.
ALTER TABLE alzy.devices ADD COLUMN centre_key bytea CHECK (octet_length(centre_key) = 32);
COMMENT ON COLUMN alzy.devices.centre_key IS 'public key of the centre to which the newest batch was sealed';
