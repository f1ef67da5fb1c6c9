#!/bin/bash
# lint.sh: what a compiler does not check. Prints one line for each check, and below a failed one what is wrong.
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C
mapfile -t sources < <(find hal store sync agent tests -name '*.[ch]' | sort)
mapfile -t programs < <(find hal store sync agent -name '*.[ch]' | sort)
failed=0

check() { # DESCRIPTION COMMAND…: fails when the command does, or prints something
	local what=$1 said
	shift
	if said=$("$@" 2>&1) && [ -z "$said" ]; then
		echo "lint: ok: $what"
	else
		echo "lint: failed: $what"
		head -n 25 <<<"$said" | sed 's/^/    /'
		failed=1
	fi
}

format() { clang-format --dry-run -Werror "${sources[@]}"; }

analysis() {
	cppcheck --quiet --std=c11 --language=c --error-exitcode=1 --enable=warning,performance,portability \
		--inline-suppr --suppressions-list=tools/cppcheck.txt -j "$(nproc)" -I. -D_GNU_SOURCE \
		'-DALZY_VERSION=""' "${programs[@]}"
}

# Includes go one way: agent → sync → store → hal; sync/central takes from sync/ what both sides of the wire share.
shared='envelope|batch|receipt|keys|digest|columns|pairing|verify|reference'
direction() {
	perl -e 'my $shared = shift;
		my %may = ("agent" => "agent sync store hal", "sync" => "sync store hal", "sync/central" => "sync/central hal",
			"store" => "store hal", "hal" => "hal");
		sub folder { my ($f) = $_[0] =~ m{^(sync/central|\w+)/}; return $f }
		for my $file (@ARGV) {
			open my $in, "<", $file or die "$file: $!";
			while (<$in>) {
				my ($path) = /^#include "([^"]+)"/ or next;
				my ($from, $to) = (folder($file), folder($path) // "nowhere");
				next if grep { $_ eq $to } split / /, $may{$from};
				next if $from eq "sync/central" && $path =~ m{^sync/(?:$shared)\.h$};
				print "$file:$.: must not include $path\n";
			}
		}' "$shared" "${programs[@]}"
	# What central links against must itself stand on hal/ and its like only, as must what that stands on.
	grep -nE '#include "(store|agent)/' $(ls sync/*.[ch] | grep -E "/($shared|document|members)(_[a-z]+)?\.[ch]$")
}

# One foreign library, one owner file.
owners() {
	local header owner
	while read -r header owner; do
		grep -nE "#include <$header>" "${programs[@]}" | grep -vE "^($owner):"
	done <<-'END'
		sqlite3\.h store/[a-z_]+\.[ch]
		gps\.h hal/gnss_gpsd\.c
		curl/.* sync/carrier_https?\.c
		(postgresql/)?libpq.* sync/central/pg\.c
		microhttpd\.h sync/central/gateway\.c
		sodium\.h sync/(digest|envelope|keys)\.[ch]
		zstd\.h sync/envelope\.c
		ini\.h hal/conf\.c
		qrencode\.h (hal|agent|sync)/.*\.c
		libsmartcols/.* hal/table\.c
	END
}

# The tables of keys, errors and event types are where they are defined; the manual must know each of them.
keys_of() { sed -nE 's/^\t\{"([a-z]+)", "([a-z_]+)", CONF_.*/\1 \2/p' "$1"; }
keys() {
	local section name
	while read -r table sample; do
		[ -s "$table" ] || echo "$table: not there"
		while read -r section name; do
			grep -qE "\`$name\`" docs/configuration.md || echo "$section.$name ($table) is not in docs/configuration.md"
			grep -qE "^\.It (Cm [a-z_]+ , )*Cm $name\b" "packaging/man/$sample.5" || echo "$section.$name ($table) is not in packaging/man/$sample.5"
			grep -qE "^#? ?$name *=" "packaging/samples/$sample" || echo "$section.$name ($table) is not in packaging/samples/$sample"
		done < <(keys_of "$table")
		[ "$(keys_of "$table" | wc -l)" -ge 7 ] || echo "$table: its keys can't be read by this check"
	done <<-'END'
		hal/conf_unit.c alzy.conf
		sync/central/conf_central.c central.conf
	END
}
errors() {
	local name number
	while read -r name number; do
		grep -qE "\b$name\b.*\b$number\b|\b$number\b.*\b$name\b" docs/errors.md || echo "$name ($number) is not in docs/errors.md"
	done < <(sed -nE 's/^\tX\(([A-Z_]+), ([0-9]+),.*/\1 \2/p' hal/err.h)
}
events() {
	local name
	for name in $(sed -nE 's/^\tX\([A-Z_]+, "([a-z_]+)",.*/\1/p' store/event_types.h); do
		grep -qr "$name" docs || echo "the event $name is in no file of docs/"
	done
}
# Every row of the tables of members (sync/members.h) is in the description of the protocol.
members() {
	local name names
	names=$(sed -nE 's/^\t(\[[A-Z_]+\] = )?\{([A-Z_]+\()?"([a-z_]+)", .*/\3/p' $(grep -l 'const struct member [a-z_]*\[' sync/*.c) | sort -u)
	for name in $names; do
		grep -qE "[\`.\"]$name[\`\"]" docs/protocol.md || echo "the member $name is not in docs/protocol.md"
	done
	[ "$(wc -l <<<"$names")" -ge 50 ] || echo "the tables of members can't be read by this check"
}
links() { # in our own texts: what they point to is there
	local file target
	for file in README.md docs/*.md tests/data/README.md; do
		grep -oE '\]\([^)#]+' "$file" | sed 's/^](//' | grep -v '^https\?:' | while read -r target; do
			[ -e "$(dirname "$file")/$target" ] || echo "$file: $target is not there"
		done
	done
}
scripts() {
	local file
	for file in tests/e2e/*.t tests/lib/*.sh tools/*.sh demo/*.sh .ci/run; do bash -n "$file"; done
	for file in tests/lib/*.pl tests/data/*.pl; do perl -c "$file" 2>&1 | grep -v 'syntax OK$'; done
	true
}

nothing() { "$@" || [ $? = 1 ]; } # for a check that ends in a grep which should find nothing
check "format" format
check "static analysis" analysis
check "includes go one way" nothing direction
check "one library, one owner" nothing owners
check "every key of the configuration is documented" keys
check "every error is documented" errors
check "every event type is documented" events
check "every member of a document is described" members
check "links in the documentation" nothing links
check "scripts can be parsed" nothing scripts
exit $failed
