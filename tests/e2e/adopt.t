#!/bin/bash
# Databases that were there before alzy: made from the documents of the schema word for word, with rows of every shape. After
# `alzy-central migrate` every row is there, or kept aside as it was; however often, how many at once, and wherever killed.
. "$(dirname "$0")/../lib/rig.sh"
SEEDS=$DATA/seeds
seed=${ALZY_SEED:-$RANDOM}
RANDOM=$seed
diag "ALZY_SEED=$seed"

into() { DSN="host=$PG dbname=$1 user=postgres" && central_conf; } # DATABASE: turns sql() and central() to it
database() { # NAME TEMPLATE: makes it, and turns to it
	psql -qXd "host=$PG dbname=postgres user=postgres" -c "CREATE DATABASE $1 TEMPLATE $2" || die "no database $1"
	into "$1"
}
run() { psql -qXAt1 -v ON_ERROR_STOP=1 "$@" -d "$DSN" >"$SCRATCH/psql.log" 2>&1 || die "psql: $(log_of psql)"; }
first() {
	perl "$RIG/ddl.pl" "$SEEDS/public.md" >"$SCRATCH/ddl.sql"
	run -f "$SCRATCH/ddl.sql" -f "$RIG/rows_first.sql"
}
second() { # SCHEMA IDS KEYS
	perl "$RIG/ddl.pl" "$SEEDS/alzy.md" "$@" >"$SCRATCH/ddl.sql"
	run -v schema="$1" -v loose="$([ "$3" = loose ] && echo true || echo false)" -f "$SCRATCH/ddl.sql" -f "$RIG/rows_second.sql"
}
held() { # WHAT first|second: each thing that must hold
	local thing wrong
	psql -qXAt -d "$DSN" -f "$RIG/held_$2.sql" >"$SCRATCH/held" 2>"$SCRATCH/held.log"
	is "$(log_of held)" '' "$1: the rows can be compared"
	while IFS='|' read -r thing wrong; do is "$wrong" 0 "$1: $thing"; done <"$SCRATCH/held"
}
# All that a database is, but for the moments of migrating: schema, rows, and where sequences go on.
state() {
	pg_dump --schema-only -N copy -d "$DSN" | grep -vE '^(--|.(un)?restrict)'
	sql "SELECT format('SELECT %L, count(*), md5(string_agg(r::text, %L ORDER BY r::text)) FROM (%s) r;', c.oid::regclass, ',',
			CASE WHEN relname = 'kept_aside' THEN 'SELECT table_name, row_id, content, reason FROM alzy.kept_aside'
			WHEN relname = 'migrations' THEN 'SELECT version, name FROM alzy.migrations'
			WHEN relkind = 'S' THEN format('SELECT last_value, is_called FROM %s', c.oid::regclass)
			ELSE format('TABLE %s', c.oid::regclass) END)
		FROM pg_class c WHERE relkind IN ('r', 'S') AND relnamespace IN ('public'::regnamespace, to_regnamespace('alzy'))
			AND relname <> 'spatial_ref_sys' ORDER BY c.oid::regclass::text COLLATE \"C\"" |
		psql -qXAt -v ON_ERROR_STOP=1 -d "$DSN" -f - || die 'no state'
}
same_end() { # NAME DESCRIPTION: the database is as the one whose state was kept as state.NAME
	state >"$SCRATCH/state"
	ok "$2" diff "$SCRATCH/state.$1" "$SCRATCH/state"
}

postgres_start
CENTRAL_PORT=$(free_port)
CENTRAL_URL=http://127.0.0.1:$CENTRAL_PORT
mkdir -p "$SCRATCH/central"
into alzy
central init >/dev/null || die 'no key'
database plain template0
run -c 'CREATE EXTENSION postgis' -c 'CREATE EXTENSION postgis_topology'

# ---- each document alone, both, and the second in public ---------------------------------------------------------

database was_first plain
first
database was_second plain
second alzy identity foreign
database was_both plain
first
second alzy plain loose
database was_public plain
second public serial foreign
database was_loose plain
second public plain loose

for kind in first second both public loose; do
	database is_$kind was_$kind
	ok "$kind: is adopted" central migrate || continue
	case $kind in first | both) held $kind first ;; esac
	case $kind in first) ;; *) held $kind second ;; esac
	state >"$SCRATCH/state.$kind"
	ok "$kind: once more" central migrate
	same_end $kind "$kind: does nothing"
done
like "$(into is_both && central migrate --json)" 'devices_user_id_fkey.*Users_organization' 'references that older rows break are named'
into is_public
is "$(sql "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = 'alzy.devices'::regclass")" 2 \
	'what came with references has them once'
is "$(sql "SELECT to_regtype('public.user_role'), to_regtype('alzy.user_role')")" '|alzy.user_role' 'types went with their tables'
is "$(sql 'SELECT count(user_id) FROM public.users')" 0 "and public.users is the first document's"

# ---- what can't be adopted ----------------------------------------------------------------------------------------

refused() { # DESCRIPTION REGEX: and not changed
	state >"$SCRATCH/state.refused"
	refuses "$1" 8 "$2" central migrate
	same_end refused '… and not changed'
}
database two_users was_public
sql 'CREATE TABLE public.organizations (organization_id integer PRIMARY KEY, organization_name text)'
refused 'two public.users' \
	'organizations of the first, and devices, points, sessions, users of the second; two public.users cannot exist at once'
database beside was_first
perl "$RIG/ddl.pl" "$SEEDS/alzy.md" public plain loose | sed '/TABLE users\|TABLE sessions/d' >"$SCRATCH/ddl.sql"
run -f "$SCRATCH/ddl.sql"
refused 'other tables of the second beside the first' 'users of the first, and devices, points of the second; two public.users cannot'
database lacks was_public
sql 'ALTER TABLE public.points DROP COLUMN source'
refused 'a table that lacks a column' 'public.points has no column source point_source'
database labels was_second
sql "ALTER TYPE alzy.user_role RENAME VALUE 'admin' TO 'boss'"
refused 'a type that lacks a value' 'user_role lacks values'
database viewed was_both
sql 'CREATE VIEW mine AS SELECT event_at FROM public.events'
refused 'a view on a column that changes' 'view mine'
sql 'DROP VIEW mine; CREATE VIEW mine AS SELECT lat FROM alzy.points'
refused 'a view on points' 'view mine'
sql 'DROP VIEW mine; ALTER TABLE alzy.points ENABLE ROW LEVEL SECURITY; CREATE POLICY all_of_it ON alzy.points USING (true)'
refused 'row security of points' 'row security of alzy.points would be lost'

database heirs was_public
sql 'CREATE TABLE archive () INHERITS (points)'
refused 'points that are partly in another table' 'public.points is no plain table'

# ---- what belongs to others, and is read by others -------------------------------------------------------------------

database owned was_both
sql "CREATE ROLE boss LOGIN; CREATE ROLE app LOGIN; GRANT USAGE, CREATE ON SCHEMA public, alzy TO boss; GRANT USAGE ON SCHEMA alzy TO app;
	DO \$\$ DECLARE name regclass; BEGIN
		FOR name IN SELECT c.oid FROM pg_class c WHERE relkind = 'r' AND (relnamespace = 'alzy'::regnamespace OR
				relnamespace = 'public'::regnamespace AND relname <> 'spatial_ref_sys') LOOP
			EXECUTE format('ALTER TABLE %s OWNER TO boss; GRANT SELECT, INSERT, UPDATE ON %1\$s TO app', name);
		END LOOP;
	END \$\$;
	CREATE VIEW mine AS SELECT d.*, u.email FROM alzy.devices d JOIN alzy.users u ON u.id = d.user_id;
	CREATE VIEW journeys AS SELECT * FROM public.sessions JOIN public.users USING (user_id)"
ok 'tables of another owner, with views' central migrate
for role in boss app; do
	DSN="host=$PG dbname=owned user=$role" ok "… with which $role goes on" sql "INSERT INTO public.sessions (session_id, start_at) VALUES ('of $role', now());
		UPDATE public.sessions SET end_at = now() WHERE session_id = 'of $role';
		INSERT INTO public.events (session_id, event_type) VALUES ('of $role', 'x');
		INSERT INTO alzy.points (device_id, lat, lng, recorded_at) VALUES (1, 1, 1, now());
		UPDATE alzy.devices SET name = name; SELECT 1 / least(count(*), 1) FROM alzy.points"
done

# ---- at once, and killed -------------------------------------------------------------------------------------------

database together was_both
ok 'four at once' at_once 4 central migrate
same_end both 'come to the same end'

# What a database says of settings concerns those who look into it: not what is kept.
database settings was_both
sql "ALTER DATABASE settings SET extra_float_digits = 0; ALTER DATABASE settings SET quote_all_identifiers = on;
	ALTER DATABASE settings SET search_path = 'elsewhere'; ALTER DATABASE settings SET timezone = 'America/Sao_Paulo';
	ALTER DATABASE settings SET datestyle = 'SQL, DMY'; ALTER DATABASE settings SET bytea_output = 'escape';
	ALTER DATABASE settings SET standard_conforming_strings = off; ALTER DATABASE settings SET transform_null_equals = on;
	ALTER DATABASE settings SET default_transaction_isolation = 'serializable'"
ok 'a database with settings of its own' env -u PGTZ ALZY_CONFIG="$SCRATCH/central.conf" "$BUILD/alzy-central" migrate
sql 'ALTER DATABASE settings RESET ALL'
same_end both 'comes to the same end'

# Its connection ends before a statement that makes or changes something: one statement after the other.
database stepwise was_public
sql "CREATE TABLE copy.fatal AS SELECT 0 AS at; CREATE SEQUENCE copy.passed;
	CREATE FUNCTION copy.strike() RETURNS event_trigger LANGUAGE plpgsql AS \$\$
	BEGIN
		IF nextval('copy.passed') = (SELECT at FROM copy.fatal) THEN
			PERFORM pg_terminate_backend(pg_backend_pid());
		END IF;
	END \$\$;
	CREATE EVENT TRIGGER strike ON ddl_command_start EXECUTE FUNCTION copy.strike()"
stepwise() {
	local at=1 bad=0
	while sql "UPDATE copy.fatal SET at = $at; SELECT setval('copy.passed', 1, false)" && ! central migrate >"$SCRATCH/struck.log" 2>&1; do
		log_has struck 'terminating connection|server closed' || bad=1
		[ "$(sql "SELECT to_regnamespace('alzy') IS NULL AND to_regclass('public.points') IS NOT NULL")" = t ] || bad=1
		at=$((at + 1 + RANDOM % (120 * SLOWER)))
	done
	log_of struck
	echo "$at statements"
	[ $bad = 0 ] && [ $at -gt 100 ]
}
ok 'struck at one statement after the other, it leaves nothing' stepwise
diag "$(tail -n 1 "$SCRATCH/said")"
sql 'DROP EVENT TRIGGER strike; DROP FUNCTION copy.strike; DROP SEQUENCE copy.passed; DROP TABLE copy.fatal'
held stepwise second
same_end public 'and comes to the same end'

# At random moments of its transaction: the program, its connection, and its process of Postgres (with which all connections
# end). What had been too quick is done once more, in a database made anew.
busy() { [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'alzy-central' AND xact_start IS NOT NULL")" != 0 ]; }
busy_or_gone() { busy || gone migrate; }
idle() { [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'alzy-central'")" = 0 ]; }
killed_anew() {
	psql -qXd "host=$PG dbname=postgres user=postgres" -c 'SET client_min_messages = warning' -c 'DROP DATABASE IF EXISTS killed' || die 'no database killed'
	database killed was_both
	sql CHECKPOINT # or all databases of this test are recovered when a process dies
	state >"$SCRATCH/state.before"
}
strike() { # program|connection|process: fails when it had been too quick
	local status running="FROM pg_stat_activity WHERE application_name = 'alzy-central' AND datname = 'killed'"
	start migrate env ALZY_CONFIG="$SCRATCH/central.conf" "$BUILD/alzy-central" migrate
	await busy_or_gone
	sleep "$(perl -e 'printf "%.3f", $ARGV[0] * $ARGV[1] / 100' "$took" $((RANDOM % 80)))"
	case $1 in
	program) kill9 migrate ;;
	connection) sql "SELECT pg_terminate_backend(pid) $running" >/dev/null ;;
	process)
		pid=$(sql "SELECT pid $running LIMIT 1")
		[ -z "$pid" ] || kill -9 "$pid"
		;;
	esac
	await gone migrate
	stop migrate
	status=$?
	AWAIT_SECONDS=60 await idle || die 'Postgres does not come back'
	[ "$(sql "SELECT to_regclass('alzy.migrations') IS NULL")" = t ] || return
	[ "$1" = program ] || [ $status != 0 ] || die 'it has not migrated, and says that it has'
}
killed_anew
began=$EPOCHREALTIME
central migrate >/dev/null || die 'no migration'
took=$(perl -e 'print $ARGV[1] - $ARGV[0]' "$began" "$EPOCHREALTIME")
for by in program program connection connection process program connection process; do
	[ "$(sql "SELECT to_regclass('alzy.migrations') IS NULL")" = t ] || killed_anew
	tries=1
	until strike $by 2>/dev/null; do
		[ $((tries += 1)) -le 20 ] || die "its $by can't be killed amid"
		killed_anew
	done
	same_end before "its $by is killed amid, at the $tries. try: nothing has changed"
done
ok 'killed eight times, it goes through' await central migrate
held killed first
held killed second
same_end both 'and comes to the same end'

# ---- and goes on ----------------------------------------------------------------------------------------------------

ok 'a role may serve it' central_gate
central_start || die 'no centre'
record() { # NAME: 20 points, 10 of them in a session
	local i
	for i in $(seq 10); do on "$1" mark --lat "52.$i" --lng 13.4 || return; done
	on "$1" session start --machine van || return
	for i in $(seq 10); do on "$1" mark --lat "53.$i" --lng 13.4 "note $i" || return; done
	on "$1" session end
}
sent() { # NAME: records, syncs, and the centre has it
	ok "$1: records" record "$1"
	ok "$1: syncs" on "$1" sync
	store_rows "$1" >"$SCRATCH/rows.store"
	central_rows "$1" >"$SCRATCH/rows.central"
	ok "$1: its points are there" diff "$SCRATCH/rows.store" "$SCRATCH/rows.central"
	is "$(wc -l <"$SCRATCH/rows.central")" 20 "$1: all of them"
	is "$(sql "SELECT count(*) FROM public.events WHERE event_id >> 40 = (SELECT number FROM alzy.stores WHERE store_id = '$(store_uuid "$1")')")" \
		"$(lite "$1" 'SELECT count(*) FROM events')" "$1: and its events"
}
unit car
pair car
sent car
is "$(sql "SELECT count(*) FROM information_schema.usage_privileges WHERE grantee = 'gate' AND object_type = 'SEQUENCE'")" 0 \
	'its role may use no sequence'
unit old
sql 'UPDATE alzy.devices SET is_active = true, deleted_at = NULL WHERE id = 7'
ok 'old: a device that was there before is paired' on old pair "$(central device pair 7 --again --json | json link)"
sent old
ok 'rows without a store get ids' sql "INSERT INTO alzy.points (device_id, lat, lng, recorded_at) SELECT i, 1, 1, now() FROM generate_series(1, 300) i;
	INSERT INTO public.events (session_id) VALUES (NULL), (NULL);
	INSERT INTO public.organizations (organization_name) VALUES ('new'); INSERT INTO public.applications (name) VALUES ('new');
	INSERT INTO public.application_users (application_id, user_id) SELECT 10, user_id FROM public.users LIMIT 1"
is "$(sql 'SELECT count(*) - count(DISTINCT id) FROM alzy.points')" 0 'that are free'
is "$(sql 'SELECT count(*) FROM alzy.points WHERE id >> 40 > 2')" 0 'and of no store'
central_stop
into is_public
ok 'where ids come from sequences, a role may serve, too' central migrate --role gate
central account add --name Tester >/dev/null
central machine add --id van >/dev/null
central_start || die 'no centre'
unit late
pair late
sent late
done_testing
