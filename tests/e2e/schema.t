#!/bin/bash
# The database at the centre: what both documents say is there, however often and from wherever it is migrated; what it
# refuses; partitions, references and guards; the directory; pairing links.
. "$(dirname "$0")/../lib/rig.sh"
SEEDS=$DATA/seeds
MIGRATIONS=$TOP/sync/central/migrations

CENTRAL_PORT=8440
mkdir -p "$SCRATCH/central"
database() { # NAME [PSQL OPTIONS…]: makes it and turns sql() and central() to it
	psql -qXd "host=$PG dbname=postgres user=postgres" -c "CREATE DATABASE $1"
	DSN="host=$PG dbname=$1 user=postgres"
	central_conf
}
postgis() { sql 'CREATE SCHEMA IF NOT EXISTS alzy; CREATE EXTENSION postgis; CREATE EXTENSION postgis_topology' 2>/dev/null; }
dump() { pg_dump -d "$DSN" | grep -vE '^(--|.(un)?restrict)' >"$SCRATCH/$1.dump"; }
fails() { # DESCRIPTION REGEX SQL: Postgres refuses it
	refuses "$1" 1 "$2" psql -qXAt -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -d "$DSN" -c "$3"
}

# ---- before there is anything ----------------------------------------------------------------------------------

central_conf
refuses 'no Postgres: said, and worth trying again' 19 'Postgres: ' central migrate
postgres_start
central_conf
refuses 'no schema: says what to run' 8 'run alzy-central migrate' central device list
refuses 'no key: says what to run' 4 'run alzy-central init' central device pair 1
ok 'init makes the key' central init
is "$(stat -c %a "$SCRATCH/central/central.key")" 600 'which nobody else may read'
cp "$SCRATCH/central/central.key" "$SCRATCH/key.before"
refuses 'init never overwrites a key' 5 'exists' central init
ok 'and has not' cmp "$SCRATCH/key.before" "$SCRATCH/central/central.key"

# ---- an empty database, three times at once ---------------------------------------------------------------------

ok 'three migrations of an empty database at once' at_once 3 central migrate
versions=$(ls "$MIGRATIONS" | wc -l)
is "$(sql 'SELECT count(*), count(DISTINCT version), max(version) FROM alzy.migrations')" "$versions|$versions|$versions" \
	'each step was done once'
is "$(central migrate --json)" "{\"from\":$versions,\"version\":$versions,\"not_validated\":[]}" 'once more does nothing'

# Departures that change what a document says; useslargeids comes with PostGIS 3.6.
perl "$RIG/seeds.pl" "$SEEDS/public.md" "$SEEDS/alzy.md" | sed '
	s/^column public.events event_at .*/column public.events event_at timestamp with time zone/
	s/^key public.events .*/key public.events event_id/
	s/^key alzy.points .*/key alzy.points id,recorded_at/
	/^reference alzy.points /d' | sort >"$SCRATCH/expected"
[ "$(sql "SELECT substring(extversion, '^\d+\.\d+')::numeric >= 3.6 FROM pg_extension WHERE extname = 'postgis'")" = t ] ||
	sed -i '/useslargeids/d' "$SCRATCH/expected"
describe() {
	sql "WITH t AS (SELECT c.oid, nspname || '.' || relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
			WHERE relkind IN ('r', 'p')),
		c AS (SELECT oid, name, attnum, attname, format_type(atttypid, NULL) AS type FROM t JOIN pg_attribute ON attrelid = oid
			WHERE attnum > 0 AND NOT attisdropped)
		SELECT 'column', name, attname || ' ' || type FROM c
		UNION ALL SELECT 'key', name, string_agg(attname, ',' ORDER BY attnum) FROM pg_index
			JOIN c ON oid = indrelid AND attnum = ANY (indkey) WHERE indisprimary GROUP BY name
		UNION ALL SELECT 'reference', name, attname FROM pg_constraint k
			JOIN c ON c.oid = conrelid AND attnum = ANY (conkey) WHERE contype = 'f'
		UNION ALL SELECT 'value', enumtypid::regtype::text, enumlabel FROM pg_enum" | tr '|' ' '
}
describe | sort >"$SCRATCH/found"
ok "the documents' $(wc -l <"$SCRATCH/expected") columns, keys, references and values are there" \
	test -z "$(comm -23 "$SCRATCH/expected" "$SCRATCH/found" | tee "$SCRATCH/missing.log")" || diag "$(log_of missing)"
is "$(sql "SELECT enum_range(NULL::alzy.device_platform)")" '{android,ios,web,linux}' 'and linux'
is "$(sql 'SELECT count(*) FROM pg_constraint WHERE NOT convalidated')" 0 'all references are validated'

# ---- databases that were there before ---------------------------------------------------------------------------

database before
postgis
{
	grep -oE '"[A-Za-z]+_[A-Za-z]+_seq"' "$SEEDS/public.md" | sed 's/.*/CREATE SEQUENCE &;/'
	sed -n '/^CREATE TABLE/,/^)/p' "$SEEDS/public.md" | sed 's/^)/);/'
	cat "$MIGRATIONS/0002_alzy.sql"
	cat <<-END
		INSERT INTO organizations VALUES (DEFAULT, 'Acme');
		INSERT INTO users VALUES ('u', 'Uma', 1), ('stray', 'Stray', 9);
		INSERT INTO sessions VALUES ('day', 'u', NULL, '2020-02-28 23:30', NULL, NULL), ('open', 'u', NULL, NULL, NULL, NULL);
		INSERT INTO events VALUES ('day', '00:10+00', 'a', 'x'), ('open', '12:00+02', 'b', NULL);
		INSERT INTO alzy.users (name) VALUES ('T');
		INSERT INTO alzy.devices (user_id, name) VALUES (1, 'phone');
		INSERT INTO alzy.sessions (device_id, user_id) VALUES (1, 1);
		INSERT INTO alzy.points (id, device_id, session_id, lat, lng, geom, speed, recorded_at, received_at, source) VALUES
			(1, 1, 1, 52.5, 13.4, ST_SetSRID(ST_MakePoint(13.4, 52.5), 4326), 1, '2020-01-31 23:59:59Z', '2020-02-01Z', 'gps'),
			(2, 1, 1, 52.5, 13.4, ST_SetSRID(ST_MakePoint(14, 52.5), 4326), 1, '2020-02-01Z', '2020-02-01Z', 'gps'),
			(3, 1, 1, NULL, NULL, ST_SetSRID(ST_MakePoint(13.4, 52.5), 4326), -1, NULL, '2020-02-01Z', 'gps'),
			(4, NULL, 1, 52.5, 13.4, NULL, NULL, '2020-02-01Z', '2020-02-01Z', 'gps'),
			(7, 1, NULL, 52.123456789, 13.4, NULL, NULL, '1969-01-01Z', '2020-02-01Z', 'gps');
	END
} >"$SCRATCH/before.sql"
ok 'a database as the documents say' psql -qX1 -v ON_ERROR_STOP=1 -d "$DSN" -f "$SCRATCH/before.sql"
like "$(central migrate)" 'public.users: Users_organization|users: Users_organization' 'is adopted, and the stray user named'
is "$(sql "SELECT event_id, session_id, event_at FROM public.events ORDER BY 1" | tr '\n' ' ')" \
	'1|day|2020-02-29 00:10:00+00 2|open|1970-01-01 10:00:00+00 ' 'times of events got their dates'
is "$(sql "SELECT content->>'event_at' FROM alzy.kept_aside WHERE table_name = 'public.events' ORDER BY id" | tr '\n' ' ')" \
	'00:10:00+00 12:00:00+02 ' 'and are kept as they were'
is "$(sql "SELECT id, lat, lng, speed, recorded_at, ST_AsText(geom), tableoid::regclass FROM alzy.points ORDER BY id")" \
	"1|52.5|13.4|1|2020-01-31 23:59:59+00|POINT(13.4 52.5)|alzy.points_2020_01
2|52.5|13.4|1|2020-02-01 00:00:00+00|POINT(13.4 52.5)|alzy.points_2020_02
3|52.5000000|13.4000000||2020-02-01 00:00:00+00|POINT(13.4 52.5)|alzy.points_2020_02
4|52.5|13.4||2020-02-01 00:00:00+00|POINT(13.4 52.5)|alzy.points_2020_02
7|52.123456789|13.4||1969-01-01 00:00:00+00|POINT(13.4 52.123456789)|alzy.points_default" 'points were carried over'
is "$(sql "SELECT content->>'id' FROM alzy.kept_aside WHERE table_name = 'alzy.points' ORDER BY id" | sort | tr '\n' ' ')" \
	'2 3 4 ' 'those that could not be as they were are kept aside'
is "$(sql "INSERT INTO alzy.points (device_id, lat, lng, recorded_at) VALUES (1, 1, 1, '2020-02-02Z') RETURNING id")" 8 \
	'new ids go on behind the old ones'

database collides
sql 'CREATE TABLE public.users (id integer PRIMARY KEY, name text)'
dump collides.before
refuses "somebody else's public.users is refused" 8 'public.users has no column .*user_id text' central migrate
dump collides.after
ok 'and nothing is changed' cmp "$SCRATCH/collides.before.dump" "$SCRATCH/collides.after.dump"

database newer
central migrate >/dev/null
sql 'INSERT INTO alzy.migrations VALUES (999, $$future$$)'
dump newer.before
refuses 'the schema of a newer alzy is refused' 13 'newer' central migrate
refuses 'by every verb' 13 'newer' central device list
dump newer.after
ok 'and not touched' cmp "$SCRATCH/newer.before.dump" "$SCRATCH/newer.after.dump"

# ---- without a superuser -----------------------------------------------------------------------------------------

database plain
sql 'CREATE ROLE plain LOGIN; ALTER DATABASE plain OWNER TO plain'
DSN="host=$PG dbname=plain user=plain" central_conf
refuses 'PostGIS is missing: says what a superuser must run' 11 'CREATE EXTENSION IF NOT EXISTS postgis' central migrate
is "$(sql "SELECT to_regnamespace('alzy') IS NULL")" t 'nothing was made'
sql 'CREATE SCHEMA gis; CREATE EXTENSION postgis SCHEMA gis; ALTER DATABASE plain SET search_path = public, gis'
sql 'CREATE EXTENSION postgis_topology' 2>/dev/null
sql 'GRANT USAGE ON SCHEMA gis TO plain'
ok 'with PostGIS there, wherever it is, no superuser is needed' central migrate

# ---- partitions --------------------------------------------------------------------------------------------------

DSN="host=$PG dbname=alzy user=postgres"
central_conf
sql "INSERT INTO alzy.users (name) VALUES ('T'); INSERT INTO alzy.devices (user_id, name) VALUES (1, 'd');
	INSERT INTO public.sessions VALUES ('s'); INSERT INTO alzy.sessions (device_id, session_id) VALUES (1, 's')"
sql "INSERT INTO alzy.points (device_id, session_id, lat, lng, accuracy, source, recorded_at)
	SELECT 1, 1, 52, 13, i, 'fused', timestamptz '2026-01-01Z' + i * interval '1 day' FROM generate_series(0, 89) i"
rows() { sql 'SELECT id, device_id, session_id, lat, lng, geom, accuracy, source, recorded_at, received_at FROM alzy.points ORDER BY 1'; }
rows >"$SCRATCH/rows.before"
is "$(sql "SELECT count(*) FROM alzy.points_default")" 90 'without partitions, rows are in the default partition'
make() { sql "SELECT alzy.ensure_partitions('2026-01-31 23:59Z', '2026-12-01Z')"; }
is "$(at_once 4 make | sort -n | tr '\n' ' ')" '0 0 0 12 ' 'four at once make each partition once'
is "$(sql 'SELECT tableoid::regclass::text, count(*) FROM alzy.points GROUP BY 1 ORDER BY 1' | tr '\n' ' ')" \
	'alzy.points_2026_01|31 alzy.points_2026_02|28 alzy.points_2026_03|31 ' 'rows went to their months'
rows >"$SCRATCH/rows.after"
ok 'unaltered' cmp "$SCRATCH/rows.before" "$SCRATCH/rows.after"
fails 'at most 240 months' '22023' "SELECT alzy.ensure_partitions('1980-01-01', '2000-01-01')"
fails 'not before 1970' '22023' "SELECT alzy.ensure_partitions('1969-12-31 23:59Z', '1970-01-01')"
fails 'not from 2100 on' '22023' "SELECT alzy.ensure_partitions('2100-01-01', '2100-01-01')"
fails 'not backwards' '22023' "SELECT alzy.ensure_partitions('2026-02-01', '2026-01-01')"
fails 'not for ever' '22' "SELECT alzy.ensure_partitions('-infinity', 'infinity')"
# Somebody reads for long, as a dump does: neither who makes a partition nor who reads later waits for that.
mkfifo "$SCRATCH/reader"
start reader psql -qXAtd "$DSN" -f "$SCRATCH/reader"
exec 6>"$SCRATCH/reader"
printf 'BEGIN; SELECT count(*) FROM alzy.points;\n\\echo reading\n' >&6
await log_has reader reading || die 'no reader'
began=$EPOCHREALTIME
fails 'no partition while somebody reads the default one' '55P03' "SELECT alzy.ensure_partitions('2028-01-01Z', '2028-01-01Z')"
[ $((${EPOCHREALTIME/./} - ${began/./})) -lt 1500000 ]
tap $? '… which is said soon'
exec 6>&-
stop reader
is "$(sql "SELECT alzy.ensure_partitions('2028-01-01Z', '2028-01-01Z')")" 1 'and made when nobody does'
sql 'CREATE ROLE gateway LOGIN'
sql "$(sed -n '/^GRANT .* gateway;$/p' "$TOP/docs/schema.md")"
DSN="host=$PG dbname=alzy user=gateway" sql "SELECT alzy.ensure_partitions('2027-01-01', '2027-01-01')" >/dev/null
ok 'a role that owns nothing makes partitions, and may write to them' sql "SET ROLE gateway;
	INSERT INTO alzy.points_2027_01 (id, device_id, lat, lng, recorded_at) VALUES (1000000, 1, 0, 0, '2027-01-01Z')"

DSN="host=$PG dbname=alzy user=gateway" central_conf
administer() {
	central device add --account 1 --name spare && central device pair 2 && central device list && central status &&
		central organization add --name Acme && central user add --id u --name U --organization 1
}
ok 'and does what administration does' administer
central_conf

# ---- references, guards, checks ------------------------------------------------------------------------------------

point() { echo "INSERT INTO ${4:-alzy.points} (device_id, session_id, lat, lng, recorded_at) VALUES ($1, $2, $3, 13, '2026-05-01Z')"; }
for table in alzy.points alzy.points_2026_05; do
	fails "no point of an unknown device in $table" '23503.*no device 77' "$(point 77 1 1 $table)"
	fails "no point of an unknown session in $table" '23503.*no session 77' "$(point 1 77 1 $table)"
done
fails 'nor by an update' '23503.*no device 77' 'UPDATE alzy.points SET device_id = 77 WHERE id = 5'
fails 'a session with points stays' '23503' 'DELETE FROM alzy.sessions'
fails 'and keeps its id' '23503' 'UPDATE alzy.sessions SET id = 99'
sql "DELETE FROM alzy.points WHERE session_id IS NOT NULL; DELETE FROM alzy.sessions"
fails 'a device with points stays' '23503' 'DELETE FROM alzy.devices'
fails 'a latitude beyond the pole' '23514.*points_lat' "$(point 1 NULL 90.1)"
fails 'a latitude that is no number' '23514.*points_lat' "$(point 1 NULL "'NaN'")"
fails 'a point at no time' '23514' "INSERT INTO alzy.points (device_id, lat, lng, recorded_at) VALUES (1, 1, 1, 'infinity')"
fails 'a speed that is no number' '23514.*points_speed' \
	"INSERT INTO alzy.points (device_id, lat, lng, recorded_at, speed) VALUES (1, 1, 1, now(), 'NaN')"
# One adds points of a device while another deletes it: whoever comes second waits, and then knows.
sql "INSERT INTO alzy.devices (user_id, name) VALUES (1, 'going') RETURNING id" >"$SCRATCH/going"
going=$(cat "$SCRATCH/going")
mkfifo "$SCRATCH/adder"
start adder psql -qXAtd "$DSN" -f "$SCRATCH/adder"
exec {adder}>"$SCRATCH/adder"
echo "BEGIN; $(point "$going" NULL 1);" >&$adder
adding() { [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'")" = 1 ]; }
await adding
start deleter psql -qXAtd "$DSN" -v ON_ERROR_STOP=1 -c "DELETE FROM alzy.devices WHERE id = $going"
waiting() { [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")" = 1 ]; }
ok 'deleting a device waits for who adds points of it' await waiting
echo 'COMMIT;' >&$adder
exec {adder}>&-
await gone deleter
like "$(log_of deleter)" 'there are points' 'and is then refused'

# ---- the directory -------------------------------------------------------------------------------------------------

database names
central migrate >/dev/null
is "$(central organization add --name Acme --json)" '{"id":1,"organization_id":1}' 'organization add'
is "$(central application add --name Delivery --json)" '{"id":1,"application_id":1}' 'application add'
is "$(central user add --id u --name 'Uma Ünal' --organization 1 --application 1 --json)" '{"id":"u","user_id":"u"}' 'user add'
is "$(central application allow --application 1 --user u --json)" '{"id":1,"application_user_id":1}' 'allowed twice is allowed'
is "$(central machine add --id van --serial 7 --organization 1 --operation-start 2020-02-29 --json)" \
	'{"id":"van","machine_id":"van"}' 'machine add'
is "$(central account add --name T --email t@example.org --json)" '{"id":1}' 'account add'
is "$(central device add --account 1 --name car --machine van --color blue --platform linux --json)" '{"id":1}' 'device add'
is "$(central organization list --json)" '[{"organization_id":1,"organization_name":"Acme"}]' 'organization list'
is "$(central application list --json)" '[{"application_id":1,"name":"Delivery"}]' 'application list'
is "$(central user list --json)" '[{"user_id":"u","full_name":"Uma Ünal","organization_id":1,"applications":[1]}]' 'user list'
is "$(central machine list --json)" \
	'[{"machine_id":"van","serial_no":"7","organization_id":1,"operation_start_date":"2020-02-29"}]' 'machine list'
like "$(central account list --json)" '^\[\{"id":1,"name":"T","email":"t@example.org","role":"user","is_active":true,"created_at":"20[-0-9]+T[0-9:.]+Z"\}\]$' 'account list'
like "$(central device list --json)" '"id":1,"name":"car","account":1,"machine_id":"van","platform":"linux","color":"blue","is_active":true,"paired_at":null' 'device list'
like "$(central device list)" '^ *1 car .*van .*not paired' 'device list, as a table'
sql "UPDATE alzy.devices SET name = repeat('n', 200)"
on_terminal() { script -qec "stty cols 80; $(printf '%q ' "$BUILD/alzy-central" --config "$SCRATCH/central.conf" "$@")" /dev/null </dev/null | tr -d '\r'; }
is "$(on_terminal device list | awk 'length > 80')" "" "… that a terminal can show, whatever people call things"
like "$(on_terminal device list)" '^ *1 nnnn.* van .* not paired' "… and nothing but names is cut"
sql "UPDATE alzy.devices SET name = 'car'"
is "$(central status --json)" '[]' 'status without stores'
like "$(central status)" '^no store yet' '… says so to people'

refuses 'a name must be there' 2 '--name is missing' central organization add
refuses 'and not be empty' 2 'must not be empty' central organization add --name ''
refuses 'nor of several lines' 2 'control character' central organization add --name $'a\nb'
refuses 'nor be a novel' 2 'longer than 255' central organization add --name "$(printf '%256s' x)"
refuses 'nor be other than UTF-8' 20 'UTF8' central organization add --name $'\xff'
refuses 'a user of no organization' 4 'there is no organization 9: alzy-central organization list' central user add --id v --name V --organization 9
refuses 'a user that is there' 5 'there is a user u already' central user add --id u --name U --organization 1
refuses 'a machine that is there' 5 'there is a machine van already' central machine add --id van --organization 1
refuses 'an application that is none' 4 'there is no application 9: ' central application allow --application 9 --user u
refuses '… nor that user' 4 'there is no user v: ' central application allow --application 1 --user v
refuses 'a device in no machine' 4 'there is no machine bus: ' central device add --account 1 --name x --machine bus
refuses 'a day that is none' 2 '2020-02-30' central machine add --id m --operation-start 2020-02-30
refuses 'a device of no account' 4 'there is no account 9: alzy-central account list' central device add --account 9 --name x
refuses 'an account beyond every number' 20 'out of range' central device add --account 99999999999 --name x
refuses 'a colour that is none' 2 'choose one of blue, green' central device add --account 1 --name x --color mauve
refuses 'a number that is none' 2 'whole number' central device add --account one --name x
is "$(sql 'SELECT (SELECT count(*) FROM public.users), (SELECT count(*) FROM alzy.devices)')" '1|1' 'nothing of that was written'
is "$(central organization add --name "'; DROP TABLE users; --" --json && central organization list --json | json 1.organization_name 2>/dev/null)" \
	"$(printf '{"id":2,"organization_id":2}\n')
'; DROP TABLE users; --" 'names are values, whatever they say'

# ---- pairing links ---------------------------------------------------------------------------------------------------

token() { sql 'SELECT pairing_token_hash FROM alzy.devices WHERE id = 1'; }
first=$(central device pair 1 --json)
like "$first" '"link":"alzy://pair\?url=http%3A%2F%2F127.0.0.1%3A8440&key=[-_A-Za-z0-9]{43}&token=[-_A-Za-z0-9]{22}"' 'a link'
is "$(json expires_at <<<"$first")" "$(sql "SELECT to_char(pairing_expires_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') FROM alzy.devices")" \
	'that expires when it says'
is "$(sql "SELECT round(extract(epoch FROM pairing_expires_at - now()) / 60) FROM alzy.devices WHERE id = 1")" 60 'in an hour'
old=$(token)
second=$(central device pair 1 --json --valid 2d)
ok 'a second one is another' test "$(json link <<<"$first")" != "$(json link <<<"$second")"
ok 'and voids the first' test "$old" != "$(token)"
is "$(sql "SELECT round(extract(epoch FROM pairing_expires_at - now()) / 3600) FROM alzy.devices WHERE id = 1")" 48 'valid as long as told'
secret=$(json link <<<"$second" | sed 's/.*token=//')
dump names
ok 'the token itself is not in the database' test "$(grep -c -e "$secret" "$SCRATCH/names.dump")" = 0
refuses 'no such device' 4 'there is no device 7' central device pair 7
refuses 'too short' 2 '1m to 30d' central device pair 1 --valid 5s
refuses 'too long' 2 '1m to 30d' central device pair 1 --valid 31d
refuses 'no duration' 2 '1m to 30d' central device pair 1 --valid soon
sql 'UPDATE alzy.devices SET is_active = false'
refuses 'not active' 8 'not active' central device pair 1
sql 'UPDATE alzy.devices SET deleted_at = now()'
refuses 'deleted' 8 'deleted' central device pair 1
sql 'UPDATE alzy.devices SET deleted_at = NULL, is_active = true'
central_conf 'public_url = https://gps.example.org/alzy'
like "$(central device pair 1 --json)" 'url=https%3A%2F%2Fgps.example.org%2Falzy&' 'public_url goes into the link'
chmod 644 "$SCRATCH/central/central.key"
refuses 'a key that others may read' 11 'central.key' central device pair 1
chmod 600 "$SCRATCH/central/central.key"

# ---- configuration -----------------------------------------------------------------------------------------------------

bad() { # LINE REGEX: refused, with file and line
	central_conf "$1"
	refuses "central.conf: $1" 3 "$2" central status
}
bad 'wokers = 4' 'central.conf:7: .*unknown key'
bad 'workers = 0' 'central.conf:7: .*1 to 64'
bad 'workers = 65' 'central.conf:7: .*1 to 64'
bad 'plain_http = yes' 'central.conf:7: .*loopback\|anywhere'
for url in gps.example.org ftp://gps.example.org https:// https://gps.example.org/ 'https://a b' https://host:0 https://host:x https://u@host; do
	bad "public_url = $url" 'central.conf:7: .*write https://HOST'
done
bad 'tls_certificate = cert.pem' 'central.conf:7: .*begins with /'
bad 'tls_certificate = /cert.pem' 'central.conf: \[server\] .*go together: tls_key is missing'
bad 'tls_key = /key.pem' 'go together: tls_certificate is missing'
for listen in 8440 127.0.0.1 127.0.0.1:0 127.0.0.1:65536 :8440 '[::1:8440' 'a b:8440' ::1:8440; do
	central_conf
	sed -i "s/^listen = .*/listen = $listen/" "$SCRATCH/central.conf"
	refuses "central.conf: listen = $listen" 3 'central.conf:6: .*HOST:PORT' central status
done
for listen in '[::1]:8440' localhost:1 0.0.0.0:65535; do
	central_conf
	sed -i "s/^listen = .*/listen = $listen/" "$SCRATCH/central.conf"
	ok "central.conf: listen = $listen" central status
done
refuses 'no link to every address' 3 'central.conf: .*set public_url' central device pair 1
done_testing
