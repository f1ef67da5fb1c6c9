# alzy: `make demo` shows it at work, `make check` runs every test. Both install what is missing from Debian.
#
#   make            build the four programs into build/ (make deps installs what that takes)
#   make check      every test            make check SANITIZE=1   the same under ASan and UBSan
#   make lint       format, static analysis, include direction, documentation of keys and errors
#   make bench      what alzy is measured by, as ratios      make fuzz   what comes from outside, at random
#   make soak       thousands of random steps: SOAK_RUNS, SOAK_STEPS, SOAK_SEEDS
#   make install    DESTDIR= PREFIX=/usr

PREFIX  ?= /usr
DESTDIR ?=
CC      ?= gcc
VERSION := 0.1.0

B := build
CFLAGS ?= -O2 -g
ifdef SANITIZE
B := build/sanitize
CFLAGS := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif

STRICT   := -std=c17 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
CPPFLAGS += -I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DALZY_VERSION='"$(VERSION)"'
# Shows what is made; V=1 shows how.
COMPILE   = echo "  $@" && $(CC) $(CPPFLAGS) $(STRICT) $(CFLAGS) -MMD -MP -pthread

# One folder, one archive. A program names what it stands on, and nothing else is linked into it.
hal_C     := $(wildcard hal/*.c)
store_C   := $(wildcard store/*.c)
sync_C    := $(filter-out sync/syncd.c,$(wildcard sync/*.c))
central_C := $(filter-out sync/central/central.c,$(wildcard sync/central/*.c))
agent_C   := $(filter-out agent/agentd%.c agent/agentd.c,$(wildcard agent/*.c))
cli_C     := $(filter-out agent/cli/alzy.c,$(wildcard agent/cli/*.c))

PROGRAMS := $(B)/alzy-agentd $(B)/alzy-syncd $(B)/alzy $(B)/alzy-central
UNIT_TESTS := $(patsubst tests/unit/%.c,$(B)/tests/%,$(wildcard tests/unit/test_*.c))

all: $(PROGRAMS)

define archive
$(B)/lib$(1).a: $$(patsubst %.c,$(B)/%.o,$$($(1)_C))
	rm -f $$@ && $$(AR) rcs $$@ $$^
endef
$(foreach a,hal store sync central agent cli,$(eval $(call archive,$(a))))

A = $(patsubst %,$(B)/lib%.a,$(1))
LINK = $(COMPILE) $(LDFLAGS) -Wl,--as-needed -o $@ $(filter %.o %.a,$^)

$(B)/alzy-agentd: $(B)/agent/agentd.o $(B)/agent/agentd_tell.o $(call A,agent store hal)
	$(LINK) -lgps -lsqlite3 -lcjson -linih -lm -lrt
$(B)/alzy-syncd: $(B)/sync/syncd.o $(call A,sync store hal)
	$(LINK) -lcurl -lsodium -lzstd -lsqlite3 -lcjson -linih -lm -lrt
$(B)/alzy: $(B)/agent/cli/alzy.o $(call A,cli agent sync store hal)
	$(LINK) -lgps -lcurl -lsodium -lzstd -lsqlite3 -lcjson -linih -lsmartcols -lqrencode -lm -lrt
$(B)/alzy-central: $(B)/sync/central/central.o $(call A,central sync hal)
	$(LINK) -lpq -lmicrohttpd -lsodium -lzstd -lcjson -linih -lsmartcols -lqrencode -lm -lrt

$(B)/tests/%: $(B)/tests/unit/%.o $(call A,cli agent central sync store hal)
	mkdir -p $(@D)
	$(LINK) -lcmocka -lgps -lcurl -lpq -lmicrohttpd -lsodium -lzstd -lsqlite3 -lcjson -linih -lsmartcols -lqrencode -lm -lrt

$(B)/bench/%: $(B)/tests/bench/%.o $(call A,agent sync store hal)
	mkdir -p $(@D)
	$(LINK) -lsodium -lzstd -lcjson -linih -lm

$(B)/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(call A,central sync store hal)
	$(LINK) -fsanitize=fuzzer -linih -lsodium -lzstd -lcjson -lm

$(B)/%.o: %.c
	mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

# No true time is before it, see hal/era.h. Without either, a date in the source stands for it.
$(B)/hal/era.o: CPPFLAGS += $(addprefix -DALZY_BUILD_TIME=,$(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null)))

# SQL that is embedded at build: the objects depend on it.
$(B)/store/migrations.o: $(wildcard store/migrations/*.sql)
$(B)/sync/central/migrations.o: $(wildcard sync/central/migrations/*.sql) sync/central/sequences.sql

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# What needs packages first is built by a second make, when they are there; one at a time, however many run.
JOBS ?= $(shell nproc)
NOW = mkdir -p $(B) && flock $(B)/.lock $(MAKE) --no-print-directory -j$(JOBS) B=$(B)

deps:
	tools/deps.sh demo

demo:
	tools/deps.sh demo || { echo "demo: failed: packages are missing"; exit 1; }
	echo "Building alzy …"
	said=$$($(NOW) all 2>&1) || { echo "$$said" | tail -n 30; echo "demo: failed: alzy does not build"; exit 1; }
	exec env ALZY_BUILD=$(B) demo/run.sh

# The long ones first, so that no processor is left waiting for the last of them at the end; two more at once than there are
# processors, since many of them mostly wait.
LONG := $(patsubst %,tests/e2e/%.t,adopt logs kill model verify time gaps)
E2E := $(LONG) $(filter-out $(LONG),$(wildcard tests/e2e/*.t))

check:
	tools/deps.sh check
	$(NOW) all $(UNIT_TESTS)
	ALZY_BUILD=$(B) prove --timer --exec tests/lib/run.sh -j$$(($(JOBS) + 2)) $(E2E) $(UNIT_TESTS)

lint:
	tools/deps.sh check
	tools/lint.sh

bench:
	tools/deps.sh bench
	$(NOW) all $(B)/bench/wire_size
	ALZY_BUILD=$(B) tests/bench/run.sh
	ALZY_BUILD=$(B) tests/bench/cpu.sh

# The fuzzers need clang's runtime: make fuzz FUZZ_SECONDS=600 looks ten minutes into each, make check a few seconds.
FUZZ_SECONDS ?= 30
FUZZERS := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/*.c))
FUZZED  := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
fuzzers:
	$(NOW) B=$(B)/fuzz CC=clang CFLAGS='$(FUZZED)' $(FUZZERS)

fuzz:
	tools/deps.sh check
	ALZY_BUILD=$(B) ALZY_FUZZ_SECONDS=$(FUZZ_SECONDS) ALZY_TEST_SECONDS=0 prove -v --exec tests/lib/run.sh tests/e2e/fuzz.t

# The model-based test of make check with seeds that are drawn, or SOAK_SEEDS.
SOAK_RUNS  ?= 10
SOAK_STEPS ?= 1000
SOAK_SEEDS ?=
soak:
	tools/deps.sh check
	$(NOW) all
	ALZY_BUILD=$(B) tools/soak.sh $(SOAK_RUNS) $(SOAK_STEPS) $(SOAK_SEEDS)

D := $(DESTDIR)$(PREFIX)
install: all
	install -d $(D)/bin $(D)/lib/systemd/system $(D)/lib/sysusers.d $(D)/lib/tmpfiles.d $(D)/share/doc/alzy/examples
	install $(PROGRAMS) $(D)/bin
	for unit in packaging/systemd/*.service; do \
		sed 's|=/usr/bin/|=$(PREFIX)/bin/|' $$unit >$(D)/lib/systemd/system/$${unit##*/} || exit 1; done
	chmod 644 $(D)/lib/systemd/system/alzy-*.service
	install -m 644 packaging/systemd/sysusers.conf $(D)/lib/sysusers.d/alzy.conf
	install -m 644 packaging/systemd/tmpfiles.conf $(D)/lib/tmpfiles.d/alzy.conf
	install -m 644 packaging/samples/* $(D)/share/doc/alzy/examples
	install -m 644 docs/*.md docs/*.svg LICENSE $(D)/share/doc/alzy
	for page in packaging/man/*.[1-9]; do install -Dm 644 $$page -t $(D)/share/man/man$${page##*.}; done

clean:
	rm -rf build

ifndef V
.SILENT:
endif
.PHONY: all clean check demo lint install bench fuzz fuzzers soak deps
.SECONDARY:
