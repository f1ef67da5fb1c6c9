-- How this unit stands at its centre, by the last receipt: NULL is good; else nothing is sent but a question now and then.
ALTER TABLE centre ADD COLUMN standing TEXT CHECK (standing <> '');

-- An address that the centre has announced, until a receipt has come by it.
ALTER TABLE centre ADD COLUMN next_url TEXT CHECK (next_url <> '');

DROP VIEW centre_readable;
CREATE VIEW centre_readable AS
SELECT c.url, c.next_url, lower(hex(c.public_key)) AS public_key, d.id AS device_id, d.name AS device_name,
	strftime('%Y-%m-%dT%H:%M:%fZ', d.paired_at / 1000.0, 'unixepoch') AS paired_at, c.exchange_applied,
	strftime('%Y-%m-%dT%H:%M:%fZ', c.receipt_at / 1000.0, 'unixepoch') AS receipt_at, c.standing, c.refusal
FROM centre AS c JOIN devices AS d ON d.id = c.device_id;
