#!/bin/bash
# deps.sh [demo|check|bench]: installs from Debian what is missing. `demo` is what it takes to build and run alzy, `check` is
# that and the tools of the tests, `bench` that and what alzy is measured against. Says in one line what it installs, and nothing when all is there. Any number of
# copies may run at once.
set -eu -o pipefail
export LC_ALL=C

demo=(
	gcc libc6-dev make perl util-linux procps coreutils curl sqlite3 gpsd postgresql postgresql-postgis
	libgps-dev libsqlite3-dev libcurl4-openssl-dev libsodium-dev libzstd-dev libcjson-dev libinih-dev
	libpq-dev libmicrohttpd-dev libsmartcols-dev libqrencode-dev
)
check=("${demo[@]}" libcmocka-dev clang libclang-rt-dev clang-format cppcheck libxml2-utils faketime openssl strace)
bench=("${demo[@]}" gpsd-clients)

fail() {
	echo "deps: $*" >&2
	exit 1
}

# The names without a version only pull in others: what they stand for may be there without them.
stands_for() {
	case $1 in
	postgresql) compgen -G '/usr/lib/postgresql/*/bin/initdb' ;;
	postgresql-postgis) compgen -G '/usr/share/postgresql/*/extension/postgis_topology.control' ;;
	*) false ;;
	esac >/dev/null
}
missing() {
	local package
	for package in "$@"; do
		stands_for "$package" || [ "$(dpkg-query -Wf '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
			echo "$package"
	done
}

set=${1:-demo}
case $set in
demo) wanted=("${demo[@]}") ;;
check) wanted=("${check[@]}") ;;
bench) wanted=("${bench[@]}") ;;
*) fail "usage: deps.sh [demo|check|bench]" ;;
esac
command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
	fail "this system has no apt. Install by hand what these Debian packages hold: ${wanted[*]}"
mapfile -t packages < <(missing "${wanted[@]}")
[ ${#packages[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || fail "not root, and no sudo. Ask for: apt-get install ${packages[*]}"
	exec sudo -- "$0" "$set"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=900 "$@" </dev/null >>"$log" 2>&1; }

mkdir -p /run/lock
exec 9>/run/lock/alzy-deps
flock 9
mapfile -t packages < <(missing "${wanted[@]}")
[ ${#packages[@]} -gt 0 ] || exit 0
echo "deps: installing ${packages[*]}"
# Another apt-get that updates its lists at this moment makes ours fail at once, whatever the timeout.
for try in 1 2 3 4 5 6; do
	apt update && break
	grep -q 'Could not get lock' "$log" && [ $try -lt 6 ] || break
	sleep 5
done
apt install --no-install-recommends "${packages[@]}" || {
	tail -n 30 "$log" >&2
	fail "apt-get could not install ${packages[*]}"
}
