# SPDX-License-Identifier: Apache-2.0
# One makefile for everything. Modules see only the include directories that their row grants: the floors of
# server/DESIGN.md. Generated and built files all go under $(O).

# The only place of it; the first line of packaging/debian/changelog has to agree (tests/lint).
VERSION := 0.1.0
O ?= build

CC ?= gcc
CLANG ?= clang
AR ?= ar
PKG_CONFIG ?= pkg-config
PYTHON ?= /usr/bin/python3
NANOPB ?= nanopb_generator.py
INSTALL ?= install
OBJCOPY ?= objcopy

PREFIX ?= /usr/local
prefix ?= $(PREFIX)
exec_prefix ?= $(prefix)
bindir ?= $(exec_prefix)/bin
sbindir ?= $(exec_prefix)/sbin
libdir ?= $(exec_prefix)/lib
includedir ?= $(prefix)/include
datarootdir ?= $(prefix)/share
datadir ?= $(datarootdir)
mandir ?= $(datarootdir)/man
docdir ?= $(datarootdir)/doc/muster
pkgconfigdir ?= $(libdir)/pkgconfig
unitdir ?= $(prefix)/lib/systemd/system
sysusersdir ?= $(prefix)/lib/sysusers.d
tmpfilesdir ?= $(prefix)/lib/tmpfiles.d
firewallddir ?= $(prefix)/lib/firewalld/services
# Not below the prefix: the programs look for their settings in /etc/muster.
sysconfdir ?= /etc
configdir ?= $(sysconfdir)/muster
ufwdir ?= $(sysconfdir)/ufw/applications.d
bashcompletiondir ?= $(datadir)/bash-completion/completions
zshcompletiondir ?= $(datadir)/zsh/site-functions
fishcompletiondir ?= $(datadir)/fish/vendor_completions.d
catalogdir ?= $(prefix)/lib/systemd/catalog
monitoringdir ?= $(datadir)/muster/monitoring

# V=1 shows whole commands.
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2);)

# --- compiler ---

# WERROR= where a compiler may know more warnings than ours: in packages.
WERROR ?= -Werror
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wvla $(WERROR)
HARDENING := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIC
LINK_HARDENING := -fPIE -pie -Wl,-z,relro,-z,now,-z,noexecstack
OPTIMISE := -O2 -g
ifdef SANITIZE
OPTIMISE := -O1 -g -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
HARDENING := -fPIC
LINK_HARDENING := -pie -fsanitize=$(SANITIZE)
endif
ifdef COVERAGE
OPTIMISE := -O0 -g --coverage -fprofile-update=atomic
HARDENING := -fPIC
LINK_HARDENING := -pie --coverage
endif
# libFuzzer, by clang: every file is instrumented, and the targets get its main.
ifdef FUZZER
OPTIMISE := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -Wno-error
HARDENING := -fPIC
LINK_HARDENING := -pie -fsanitize=fuzzer,address,undefined
endif
BASE_CFLAGS := -std=c11 -D_GNU_SOURCE -DMUSTER_VERSION='"$(VERSION)"' -fvisibility=hidden \
	-ffile-prefix-map=$(CURDIR)=. $(WARNINGS) $(OPTIMISE) $(HARDENING)
BASE_LDFLAGS := $(LINK_HARDENING)

cflags_of = $(shell $(PKG_CONFIG) --cflags $(1) 2>/dev/null)
libs_of = $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null)

SYSTEMD := $(shell $(PKG_CONFIG) --exists libsystemd 2>/dev/null && echo yes)
NET_CFLAGS := $(if $(SYSTEMD),-DWITH_SYSTEMD)
QRENCODE := $(shell $(PKG_CONFIG) --exists libqrencode 2>/dev/null && echo yes)
CLI_CFLAGS := $(if $(QRENCODE),-DWITH_QRENCODE $(call cflags_of,libqrencode))

# --- modules: their sources, and what they may include (floors) ---

MODULES := protocol server/base server/domain server/store server/broker server/backup server/session server/dns server/admin server/net \
	server/ctl server/issuer server client client/cli

sources = $(sort $(wildcard $(1)/*.c))
objects = $(patsubst %.c,$(O)/obj/%.o,$(call sources,$(1)))

GEN := $(O)/gen
INCLUDE_protocol := protocol $(GEN)
INCLUDE_server/base := server/base protocol
INCLUDE_server/domain := server/domain protocol
INCLUDE_server/store := server/store server/domain server/base protocol $(GEN)
INCLUDE_server/broker := server/broker server/store server/domain server/base protocol
INCLUDE_server/backup := server/backup server/broker server/store server/domain server/base protocol
INCLUDE_server/session := server/session server/broker server/domain server/base protocol $(GEN)
INCLUDE_server/dns := server/dns server/base protocol $(GEN)
INCLUDE_server/admin := server/admin server/backup server/dns server/broker server/store server/domain server/base protocol
INCLUDE_server/net := server/net server/session server/admin server/broker server/domain server/base protocol $(GEN)
INCLUDE_server := server $(INCLUDE_server/net) server/dns server/store server/backup
INCLUDE_server/ctl := server/ctl client protocol $(GEN)
INCLUDE_server/issuer := server/issuer protocol $(GEN)
INCLUDE_client := client client/include protocol $(GEN)
INCLUDE_client/cli := client/cli client/include protocol

# --- programs ---

PROGRAMS := musterd musterctl muster muster-issuer
LIBRARIES := libmuster.so.0 libmuster.a
SCHEMA := $(GEN)/schema.inc
CATALOG := $(O)/muster.catalog
MAN := $(patsubst packaging/man/%.scd,%,$(wildcard packaging/man/*.scd))
CONFIGS := musterd.conf muster.conf

PROTOCOL_LIBS := $(call libs_of,libsodium jansson) -lprotobuf-nanopb
MUSTERD_LIBS := $(call libs_of,libuv sqlite3 libmicrohttpd inih ldns) $(if $(SYSTEMD),$(call libs_of,libsystemd)) -lpthread
MUSTERCTL_LIBS := $(call libs_of,libcurl smartcols)
ISSUER_LIBS := $(call libs_of,sqlite3)
CLIENT_LIBS := $(call libs_of,libcares)
NANOPB_LIBRARY = $(shell $(CC) -print-file-name=libprotobuf-nanopb.a)

# What musterctl has of libmuster, to call a clearing house, and of muster, to show answers.
DIALOG := dialog deadline revoked_fetch cli/qr
QRENCODE_LIBS := $(if $(QRENCODE),$(call libs_of,libqrencode))

SERVER_MODULES := server/base server/domain server/store server/broker server/backup server/session server/dns server/admin server/net

.DEFAULT_GOAL := all
.PHONY: all man deps deps-check test-programs replay-programs run test coverage tsan sim faults kills pid1 packages powercut flood soak check abi abi-check bench bench-models bench-listing bench-peers bench-storm bench-scale bench-instructions fuzz sanitize lint unit install uninstall dist distcheck deb rpm sbom clean help FORCE

all: deps-check $(PROGRAMS:%=$(O)/%) $(LIBRARIES:%=$(O)/%) $(CATALOG) $(CONFIGS:%=$(O)/conf/%) man

# Only says what is missing; `make test` and `make run` install it.
deps-check:
	@sh packaging/deps.sh check build

$(GEN)/muster.pb.c $(GEN)/muster.pb.h &: protocol/muster.proto protocol/muster.options
	@mkdir -p $(GEN)
	$(NANOPB) -q -D $(GEN) -I protocol -f protocol/muster.options muster.proto

# The migrations become strings: one row a file, in order.
$(SCHEMA): $(sort $(wildcard server/store/schema/*.sql)) packaging/embed-sql.sh
	@mkdir -p $(GEN)
	sh packaging/embed-sql.sh $(sort $(wildcard server/store/schema/*.sql)) > $@

# What the journal tells about each event of the log.
$(CATALOG): server/base/events.def packaging/catalog.sh
	@mkdir -p $(@D)
	sh packaging/catalog.sh $< > $@

# Settings files with all defaults, commented out.
$(O)/conf/musterd.conf: server/config.def packaging/conf.sh
	@mkdir -p $(@D)
	sh packaging/conf.sh musterd > $@.new && mv $@.new $@

$(O)/conf/muster.conf: client/cli/settings.c packaging/conf.sh $(O)/muster
	@mkdir -p $(@D)
	sh packaging/conf.sh muster $(O) > $@.new && mv $@.new $@

# Man pages; their tables come out of the programs and .def files.
man: $(MAN:%=$(O)/man/%) $(O)/man/pages3.made

$(O)/man/%: packaging/man/%.scd packaging/man.sh packaging/man3.sh packaging/conf.sh server/config.def client/cli/settings.c \
	protocol/errors.def client/include/muster.h $(O)/musterctl $(O)/muster $(O)/muster-issuer
	@mkdir -p $(@D)
	$(call say,MAN,$@)sh packaging/man.sh $(O) $< > $@.new && mv $@.new $@

# A page for each function of the library, out of its header.
$(O)/man/pages3.made: client/include/muster.h packaging/man3.sh packaging/man.sh
	@mkdir -p $(@D)
	$(call say,MAN,$@)sh packaging/man3.sh pages $< $(@D) && touch $@

$(O)/obj/gen/muster.pb.o: $(GEN)/muster.pb.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(filter-out -Wconversion,$(BASE_CFLAGS)) $(CPPFLAGS) $(CFLAGS) -MMD -MP -I$(GEN) -c $< -o $@

define module_rules
$(O)/obj/$(1)/%.o: $(1)/%.c | $(GEN)/muster.pb.h $(SCHEMA)
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)$$(CC) $$(BASE_CFLAGS) $$(NET_CFLAGS) $$(CLI_CFLAGS) $$(CPPFLAGS) $$(CFLAGS) -MMD -MP $$(INCLUDE_$(1):%=-I%) -c $$< -o $$@
endef
# Longer paths first, so that server/net is not taken for server.
$(foreach module,$(MODULES),$(eval $(call module_rules,$(module))))

$(O)/libprotocol.a: $(call objects,protocol) $(O)/obj/gen/muster.pb.o
	$(call say,AR,$@)rm -f $@ && $(AR) rcsD $@ $^

$(O)/libserver.a: $(foreach module,$(SERVER_MODULES),$(call objects,$(module))) $(O)/obj/server/config.o \
	$(O)/obj/server/dns_settings.o $(O)/obj/server/voice_settings.o $(O)/obj/server/state_dir.o $(O)/obj/server/offline.o $(O)/obj/server/activation.o
	$(call say,AR,$@)rm -f $@ && $(AR) rcsD $@ $^

$(O)/musterd: $(O)/obj/server/main.o $(O)/libserver.a $(O)/libprotocol.a
	$(call say,LINK,$@)$(CC) $(BASE_LDFLAGS) $(LDFLAGS) -o $@ $^ $(MUSTERD_LIBS) $(PROTOCOL_LIBS)

# It calls a vendor's clearing house as machines call a host.
$(O)/musterctl: $(call objects,server/ctl) $(DIALOG:%=$(O)/obj/client/%.o) $(O)/libprotocol.a
	$(call say,LINK,$@)$(CC) $(BASE_LDFLAGS) $(LDFLAGS) -o $@ $^ $(MUSTERCTL_LIBS) $(QRENCODE_LIBS) $(PROTOCOL_LIBS)

$(O)/muster-issuer: $(call objects,server/issuer) $(O)/libprotocol.a
	$(call say,LINK,$@)$(CC) $(BASE_LDFLAGS) $(LDFLAGS) -o $@ $^ $(ISSUER_LIBS) $(PROTOCOL_LIBS)

# The public library: the client and what it needs of the protocol, with only the symbols of libmuster.map to be seen.
CLIENT_OBJECTS := $(call objects,client) $(O)/libprotocol.a

$(O)/libmuster.so.0: $(CLIENT_OBJECTS) client/libmuster.map
	$(CC) -shared -Wl,-soname,libmuster.so.0 -Wl,--version-script=client/libmuster.map -Wl,-z,defs,-z,relro,-z,now \
		$(filter -fsanitize% --coverage,$(BASE_LDFLAGS)) $(LDFLAGS) -o $@ $(CLIENT_OBJECTS) $(CLIENT_LIBS) $(PROTOCOL_LIBS)
	ln -sf libmuster.so.0 $(O)/libmuster.so

$(O)/libmuster.a: $(CLIENT_OBJECTS) client/libmuster.map
	@mkdir -p $(O)/obj/libmuster
	$(LD) -r -o $(O)/obj/libmuster/all.o $(CLIENT_OBJECTS) $(NANOPB_LIBRARY)
	sed -n 's/^[[:space:]]*\(muster_[a-z0-9_]*\);.*/\1/p' client/libmuster.map > $(O)/obj/libmuster/public
	$(OBJCOPY) --keep-global-symbols=$(O)/obj/libmuster/public $(O)/obj/libmuster/all.o
	$(call say,AR,$@)rm -f $@ && $(AR) rcsD $@ $(O)/obj/libmuster/all.o

# All that the command takes from the protocol besides the library.
COMMAND_LINE := command complete explain error file

# Built anew when the library comes or goes.
$(O)/obj/client/cli/qr.o: $(GEN)/qrencode-$(or $(QRENCODE),no)

$(GEN)/qrencode-%:
	@mkdir -p $(GEN)
	@rm -f $(GEN)/qrencode-* && touch $@

$(O)/muster: $(call objects,client/cli) $(COMMAND_LINE:%=$(O)/obj/protocol/%.o) $(O)/libmuster.a
	$(call say,LINK,$@)$(CC) $(BASE_LDFLAGS) $(LDFLAGS) -o $@ $^ $(CLIENT_LIBS) $(call libs_of,libsodium jansson) $(QRENCODE_LIBS)

# --- tests ---

# Test programs see every module of the library under test, but not the programs' own folders.
TEST_INCLUDES := $(foreach m,tests/lib client client/include $(SERVER_MODULES) server protocol $(GEN),-I$(m))
TEST_LIBS := -lcmocka $(CLIENT_LIBS) $(MUSTERD_LIBS) $(PROTOCOL_LIBS)
TEST_ARCHIVES := $(O)/libclient.a $(O)/libserver.a $(O)/libprotocol.a
UNIT := $(patsubst tests/%.c,$(O)/tests/%,$(wildcard tests/unit/test_*.c tests/contract/test_*.c))
FUZZ := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
# Parsers replay their corpora under sanitizers, in a build folder of their own, unless the whole build is made for something.
SANITIZERS := address,undefined
REPLAY_BUILD := $(if $(SANITIZE)$(COVERAGE),$(O),$(O)/replay)
BENCH := $(patsubst tests/%.c,$(O)/tests/%,$(wildcard tests/bench/bench_*.c))
# The benchmarks are only built by the tests, so that they do not rot.
TEST_PROGRAMS := $(UNIT) $(BENCH) \
	$(patsubst tests/%.c,$(O)/tests/%,$(wildcard tests/faults/*.c tests/interop/*.c tests/system/*.c)) $(O)/tests/sim/sim \
	$(O)/tests/lib/fail.so
# As many jobs as cores, when it was not said how many.
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
RUN_TESTS := MUSTER_BUILD=$(abspath $(O)) MUSTER_REPLAY=$(abspath $(REPLAY_BUILD)) $(PYTHON) tests/run.py

$(O)/libclient.a: $(call objects,client)
	$(call say,AR,$@)rm -f $@ && $(AR) rcsD $@ $^

# musterctl reads what others have written, too.
$(O)/tests/libctl.a: $(filter-out %/main.o,$(call objects,server/ctl))
	@mkdir -p $(@D)
	$(call say,AR,$@)rm -f $@ && $(AR) rcsD $@ $^

# Without FUZZER a program that replays files.
$(O)/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/initialize.c $(if $(FUZZER),,tests/fuzz/driver.c) $(O)/tests/libctl.a $(TEST_ARCHIVES)
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(BASE_CFLAGS) $(CFLAGS) -MMD -MP -MF $@.d $(TEST_INCLUDES) -Iserver/ctl $(BASE_LDFLAGS) -o $@ \
		$(filter %.c %.a,$^) $(MUSTERCTL_LIBS) $(TEST_LIBS)

# The simulation puts itself between libmuster and its network and disk, and remembers what it has made of the same bytes.
SIM_WRAPS := dial dialog_open dialog_call dialog_remote dialog_retry_after dialog_close file_replace unlink \
	crypto_sign_verify_detached crypto_scalarmult_base crypto_sign_seed_keypair product_file_open lease_verify \
	sodium_malloc sodium_free
$(O)/tests/sim/sim: $(wildcard tests/sim/*.c tests/sim/*.h) $(TEST_ARCHIVES)
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(BASE_CFLAGS) $(CFLAGS) $(TEST_INCLUDES) -Itests/sim $(SIM_WRAPS:%=-Wl,--wrap=%) $(BASE_LDFLAGS) \
		-o $@ $(filter %.c %.a,$^) $(TEST_LIBS)

# Memory and disks that fail: in front of the C library, without sanitizers, which look there, too.
$(O)/tests/lib/fail.o: tests/lib/fail.c tests/lib/fail.h
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) -std=c11 -D_GNU_SOURCE -fvisibility=hidden $(WARNINGS) -O2 -g -fno-omit-frame-pointer -fPIC -c $< -o $@

$(O)/tests/lib/fail.so: $(O)/tests/lib/fail.o
	$(call say,LINK,$@)$(CC) -shared -o $@ $<

$(O)/tests/faults/%: tests/faults/%.c $(O)/tests/lib/fail.o $(TEST_ARCHIVES)
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(BASE_CFLAGS) $(CFLAGS) -MMD -MP -MF $@.d $(TEST_INCLUDES) $(BASE_LDFLAGS) -o $@ \
		$(filter %.c %.o %.a,$^) $(TEST_LIBS)

$(O)/tests/%: tests/%.c $(TEST_ARCHIVES)
	@mkdir -p $(@D)
	$(call say,TEST,$@)$(CC) $(BASE_CFLAGS) $(CFLAGS) -MMD -MP -MF $@.d $(TEST_INCLUDES) $(BASE_LDFLAGS) -o $@ \
		$(filter %.c %.a,$^) $(TEST_LIBS)

# Lint and unit: what to run before each commit. Under a minute.
check: all lint abi-check unit

lint:
	$(PYTHON) tests/lint/lint.py

# What programs that are built already need of libmuster; abi: declare that it has changed.
abi-check: $(O)/libmuster.so.0
	sh tests/lint/abi.sh check $<

abi: $(O)/libmuster.so.0
	sh tests/lint/abi.sh write $< client/libmuster.abi

unit: $(UNIT)
	$(RUN_TESTS) unit

# Everything but the long targets; installs what it needs.
test:
	sh packaging/deps.sh install test
	$(MAKE) $(JOBS) all test-programs
	$(RUN_TESTS)

test-programs: $(TEST_PROGRAMS) replay-programs

# Where both makes would write the same archives, the first one does.
replay-programs: $(if $(filter $(O),$(REPLAY_BUILD)),$(TEST_ARCHIVES) $(O)/tests/libctl.a)
	$(MAKE) $(FUZZ:%=$(REPLAY_BUILD)/tests/fuzz/%) O=$(REPLAY_BUILD) \
		SANITIZE=$(if $(COVERAGE),,$(if $(SANITIZE),$(SANITIZE),$(SANITIZERS)))

# Many seeds of the simulation, many days each; a processor takes about five seconds a seed. FIRST: to go on with another part.
SEEDS ?= 10000
DAYS ?= 500
FIRST ?= 1
sim: deps-check $(O)/tests/sim/sim
	FIRST=$(FIRST) SEEDS=$(SEEDS) DAYS=$(DAYS) SIM_SECONDS=100000 $(RUN_TESTS) sim

# Every single allocation and call of the disk fails, not only some.
FAULT_STRIDE ?= 1
FAULT_TRIES ?= 100000
faults: all test-programs
	FAULT_STRIDE=$(FAULT_STRIDE) FAULT_TRIES=$(FAULT_TRIES) FAULT_SECONDS=7200 SUITE_SECONDS=36000 $(RUN_TESTS) faults

# The whole suite under AddressSanitizer and UndefinedBehaviorSanitizer, in a build folder of its own.
sanitize:
	$(MAKE) test O=$(O)/sanitize SANITIZE=$(SANITIZERS)

# The real programs, and the unit programs that have threads, under ThreadSanitizer, in a build folder of its own: no race may be
# reported by any of them.
TSAN_TESTS ?= tests/system
TSAN_UNITS ?= unit/test_client_threads unit/test_client_cancel unit/test_server_crew unit/test_server_lane unit/test_server_syncer contract/test_store faults/test_faults_store
tsan:
	sh packaging/deps.sh install test
	$(MAKE) $(JOBS) all test-programs O=$(O)/tsan SANITIZE=thread
	rm -rf $(O)/tsan/reports && mkdir -m 1777 $(O)/tsan/reports
	@export TSAN_OPTIONS=log_path=$(abspath $(O))/tsan/reports/race MUSTER_BUILD=$(abspath $(O))/tsan; failed=0; \
	for unit in $(TSAN_UNITS); do timeout 600 $(O)/tsan/tests/$$unit || failed=1; done; \
	$(PYTHON) -m pytest -q -rs --tb=short -p no:cacheprovider $(TSAN_TESTS) || failed=1; \
	cat $(O)/tsan/reports/* 2>/dev/null && exit 1; \
	echo 'no races'; exit $$failed

# Which lines and branches the tests reach, in a build folder of its own. Branches that no program can take (those of
# the compiler's own making) do not count. What a killed process has reached is lost.
COVERAGE_RINGS ?= unit contract faults interop sim system replay
coverage:
	sh packaging/deps.sh install coverage
	$(MAKE) $(JOBS) all test-programs O=$(O)/coverage COVERAGE=1
	find $(O)/coverage -name '*.gcda' -delete
	MUSTER_BUILD=$(abspath $(O))/coverage MUSTER_REPLAY=$(abspath $(O))/coverage SEEDS=$(COVERAGE_SEEDS) FAULT_TRIES=60 \
		SUITE_SECONDS=5000 $(PYTHON) tests/run.py $(COVERAGE_RINGS)
	sh tests/coverage.sh $(O)/coverage
COVERAGE_SEEDS ?= 20

# Fuzz every parser for FUZZ_SECONDS each; new inputs join the corpus.
FUZZ_SECONDS ?= 600
fuzz:
	sh packaging/deps.sh install fuzz
	$(MAKE) $(JOBS) $(FUZZ:%=$(O)/fuzz/tests/fuzz/%) O=$(O)/fuzz CC=$(CLANG) FUZZER=1
	sh tests/fuzz/fuzz.sh $(O)/fuzz $(FUZZ_SECONDS) $(FUZZ)

# A host is killed under load, so many times: what it acknowledged is there. (make pid1 KILLS=100: with systemd, which starts it anew.)
KILLS ?= 100
kills: all
	sh packaging/deps.sh install test
	MUSTER_BUILD=$(abspath $(O)) KILLS=$(KILLS) $(PYTHON) -m pytest -q -s -rs --tb=short -p no:cacheprovider \
		tests/system/test_durability.py -k kills

# The installed units under a real systemd as PID 1, in a container of its own; makes its tree once. Needs root.
pid1: all
	sh packaging/deps.sh install pid1
	MUSTER_BUILD=$(abspath $(O)) $(PYTHON) -m pytest -q -rs --tb=short -p no:cacheprovider tests/pid1

# The packages: how they are built, and how they live in a fresh system of their own; the image. Makes its trees once. Needs root.
packages: all
	sh packaging/deps.sh install deb
	sh packaging/deps.sh install rpm
	sh packaging/deps.sh install image
	MUSTER_BUILD=$(abspath $(O)) $(PYTHON) -m pytest -q -rs --tb=short -p no:cacheprovider tests/packages

# Power cuts of a real file system. Needs root, FUSE and loop devices.
CUTS ?= 120
powercut: all
	sh packaging/deps.sh install power
	MUSTER_BUILD=$(abspath $(O)) CUTS=$(CUTS) $(PYTHON) -m pytest -q -s -rs --tb=short -p no:cacheprovider tests/power

# Strangers who crowd the door for long.
FLOOD_SECONDS ?= 300
flood: all $(BENCH)
	sh packaging/deps.sh install test
	MUSTER_BUILD=$(abspath $(O)) FLOOD_SECONDS=$(FLOOD_SECONDS) $(PYTHON) -m pytest -q -s -rs --tb=short -p no:cacheprovider \
		tests/system/test_flood.py

# A host at work for long, with restarts and strangers.
SOAK_SECONDS ?= 3600
soak: all
	sh packaging/deps.sh install test
	MUSTER_BUILD=$(abspath $(O)) SOAK_SECONDS=$(SOAK_SECONDS) $(PYTHON) -m pytest -q -s -rs --tb=short -p no:cacheprovider \
		tests/system/test_soak.py

# --- benchmarks ---

bench: deps-check $(PROGRAMS:%=$(O)/%) $(BENCH)
	MUSTER_BUILD=$(abspath $(O)) $(PYTHON) tests/bench/bench.py

# Only what users, groups and seats cost.
bench-models: deps-check $(PROGRAMS:%=$(O)/%) $(BENCH)
	MUSTER_BUILD=$(abspath $(O)) $(PYTHON) tests/bench/bench.py models

# Only what a long list costs those who are served beside it.
bench-listing: deps-check $(PROGRAMS:%=$(O)/%) $(BENCH)
	MUSTER_BUILD=$(abspath $(O)) $(PYTHON) tests/bench/bench.py listing

# Beside what a team would take or write instead. Needs root, for PostgreSQL's own user.
bench-peers: $(PROGRAMS:%=$(O)/%) $(BENCH)
	sh packaging/deps.sh install peers
	MUSTER_BUILD=$(abspath $(O)) $(PYTHON) tests/bench/peers/peers.py

# Instructions of an activation and of a renewal, by callgrind; about a minute.
bench-instructions: $(PROGRAMS:%=$(O)/%) $(BENCH)
	sh packaging/deps.sh install count
	MUSTER_BUILD=$(abspath $(O)) $(PYTHON) tests/bench/instructions.py

# 100,000 machines arrive within a minute, and each renews once; about three minutes.
bench-storm: deps-check $(PROGRAMS:%=$(O)/%) $(BENCH)
	MUSTER_BUILD=$(abspath $(O)) $(PYTHON) tests/bench/storm.py

# From 1 to 10,000 connections and from 1,000 to 10 million devices; half an hour and 3 GB of disk.
bench-scale: $(PROGRAMS:%=$(O)/%) $(BENCH)
	sh packaging/deps.sh install plot
	MUSTER_BUILD=$(abspath $(O)) $(PYTHON) tests/bench/scale.py

# --- first contact ---

run:
	sh packaging/deps.sh install test
	$(MAKE) $(JOBS) all
	sh packaging/demo.sh $(abspath $(O))

deps:
	sh packaging/deps.sh install test

# --- installation ---

MONITORING := packaging/monitoring/musterd.rules.yml packaging/monitoring/muster-dashboard.json
# Packages share them out by themselves: DOCUMENTS=
DOCUMENTS ?= CHANGELOG.md LICENSE protocol/PROTOCOL.md $(wildcard packaging/docs/*.md)
COMPLETED := musterctl muster muster-issuer
UNITS := $(foreach kind,service socket timer,$(notdir $(wildcard packaging/systemd/*.$(kind))))
MAN_SECTIONS := $(sort $(subst .,,$(suffix $(MAN))))
# Its folders, besides those that everybody installs into.
OWN_FOLDERS := $(monitoringdir) $(datadir)/muster $(docdir) $(configdir)

# Settings that are there stay as they are.
install: all
	$(INSTALL) -d $(DESTDIR)$(sbindir) $(DESTDIR)$(bindir) $(DESTDIR)$(libdir) $(DESTDIR)$(includedir) \
		$(DESTDIR)$(pkgconfigdir) $(DESTDIR)$(unitdir) $(DESTDIR)$(catalogdir) $(DESTDIR)$(sysusersdir) \
		$(DESTDIR)$(tmpfilesdir) $(DESTDIR)$(firewallddir) $(DESTDIR)$(ufwdir) $(DESTDIR)$(configdir) \
		$(DESTDIR)$(bashcompletiondir) $(DESTDIR)$(zshcompletiondir) $(DESTDIR)$(fishcompletiondir) \
		$(MAN_SECTIONS:%=$(DESTDIR)$(mandir)/man%) $(DESTDIR)$(monitoringdir)
	$(INSTALL) -m 755 $(O)/musterd $(DESTDIR)$(sbindir)/musterd
	$(INSTALL) -m 755 $(O)/musterctl $(O)/muster $(O)/muster-issuer $(DESTDIR)$(bindir)
	$(INSTALL) -m 644 $(O)/libmuster.so.0 $(O)/libmuster.a $(DESTDIR)$(libdir)
	ln -sf libmuster.so.0 $(DESTDIR)$(libdir)/libmuster.so
	$(INSTALL) -m 644 client/include/muster.h $(DESTDIR)$(includedir)/muster.h
	umask 022 && sed -e 's|@prefix@|$(prefix)|' -e 's|@libdir@|$(libdir)|' -e 's|@includedir@|$(includedir)|' \
		-e 's|@version@|$(VERSION)|' client/libmuster.pc.in > $(DESTDIR)$(pkgconfigdir)/libmuster.pc
	umask 022 && for p in $(COMPLETED); do \
		$(O)/$$p completion bash > $(DESTDIR)$(bashcompletiondir)/$$p && \
		$(O)/$$p completion zsh > $(DESTDIR)$(zshcompletiondir)/_$$p && \
		$(O)/$$p completion fish > $(DESTDIR)$(fishcompletiondir)/$$p.fish || exit 1; \
	done
	umask 022 && for u in $(UNITS); do sed -e 's|@sbindir@|$(sbindir)|' -e 's|@bindir@|$(bindir)|' \
		packaging/systemd/$$u > $(DESTDIR)$(unitdir)/$$u || exit 1; done
	$(INSTALL) -m 644 packaging/systemd/musterd.sysusers $(DESTDIR)$(sysusersdir)/musterd.conf
	$(INSTALL) -m 644 packaging/systemd/musterd.tmpfiles $(DESTDIR)$(tmpfilesdir)/musterd.conf
	$(INSTALL) -m 644 $(CATALOG) $(DESTDIR)$(catalogdir)/muster.catalog
	$(INSTALL) -m 644 packaging/firewall/firewalld.xml $(DESTDIR)$(firewallddir)/muster.xml
	$(INSTALL) -m 644 packaging/firewall/ufw $(DESTDIR)$(ufwdir)/musterd
	for page in $(MAN); do $(INSTALL) -m 644 $(O)/man/$$page $(DESTDIR)$(mandir)/man$${page##*.}/$$page || exit 1; done
	for page in $(O)/man/muster_*.3; do if [ -h $$page ]; then cp -P $$page $(DESTDIR)$(mandir)/man3; \
		else $(INSTALL) -m 644 $$page $(DESTDIR)$(mandir)/man3; fi || exit 1; done
	$(INSTALL) -m 644 $(MONITORING) $(DESTDIR)$(monitoringdir)
	umask 022 && for f in $(DOCUMENTS); do mkdir -p $(DESTDIR)$(docdir) && \
		sed -E -f packaging/plain-links.sed $$f > $(DESTDIR)$(docdir)/$${f##*/} || exit 1; done
	for f in $(CONFIGS); do test -e $(DESTDIR)$(configdir)/$$f || \
		$(INSTALL) -m 644 $(O)/conf/$$f $(DESTDIR)$(configdir)/$$f || exit 1; done

# Settings that somebody has changed stay, too.
uninstall: $(CONFIGS:%=$(O)/conf/%)
	rm -f $(DESTDIR)$(sbindir)/musterd $(addprefix $(DESTDIR)$(bindir)/,musterctl muster muster-issuer) \
		$(addprefix $(DESTDIR)$(libdir)/,libmuster.so.0 libmuster.so libmuster.a) \
		$(DESTDIR)$(includedir)/muster.h $(DESTDIR)$(pkgconfigdir)/libmuster.pc \
		$(COMPLETED:%=$(DESTDIR)$(bashcompletiondir)/%) $(COMPLETED:%=$(DESTDIR)$(zshcompletiondir)/_%) \
		$(COMPLETED:%=$(DESTDIR)$(fishcompletiondir)/%.fish) $(UNITS:%=$(DESTDIR)$(unitdir)/%) \
		$(DESTDIR)$(sysusersdir)/musterd.conf $(DESTDIR)$(tmpfilesdir)/musterd.conf $(DESTDIR)$(catalogdir)/muster.catalog \
		$(DESTDIR)$(firewallddir)/muster.xml $(DESTDIR)$(ufwdir)/musterd \
		$(DESTDIR)$(mandir)/man3/muster_*.3 $(foreach page,$(MAN),$(DESTDIR)$(mandir)/man$(subst .,,$(suffix $(page)))/$(page)) \
		$(addprefix $(DESTDIR)$(monitoringdir)/,$(notdir $(MONITORING))) $(addprefix $(DESTDIR)$(docdir)/,$(notdir $(DOCUMENTS)))
	for f in $(CONFIGS); do ! cmp -s $(O)/conf/$$f $(DESTDIR)$(configdir)/$$f || rm $(DESTDIR)$(configdir)/$$f; done
	for d in $(OWN_FOLDERS:%=$(DESTDIR)%); do rmdir $$d 2>/dev/null || :; done

# --- releases and packages ---

TARBALL := $(O)/muster-$(VERSION).tar.gz
SBOM := $(O)/muster-$(VERSION).spdx.json

# What is committed, and nothing else: the same bytes from the same commit.
dist: $(TARBALL)

$(TARBALL): FORCE
	@mkdir -p $(@D)
	@test -e .git || { echo 'muster: a tarball is made from git' >&2; exit 1; }
	git archive --format=tar --prefix=muster-$(VERSION)/ -o $@.tar HEAD && gzip -9nf $@.tar && mv $@.tar.gz $@

# The tarball alone is enough, and what it installs it takes away again.
distcheck: $(TARBALL)
	+sh packaging/distcheck.sh $(TARBALL) $(abspath $(O))/distcheck $(JOBS)

# The Debian packages, into $(O)/deb.
deb:
	sh packaging/deps.sh install deb
	sh packaging/deb.sh $(abspath $(O))/deb $(VERSION)

# The RPM packages, into $(O)/rpm. On Debian they are built with Debian's libraries, which shows that the spec holds.
rpm:
	sh packaging/deps.sh install rpm
	sh packaging/rpm.sh $(abspath $(O))/rpm $(VERSION)

# Which libraries the built programs take along, and from which packages.
sbom: $(SBOM)

$(SBOM): $(PROGRAMS:%=$(O)/%) $(LIBRARIES:%=$(O)/%) packaging/sbom.py
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || echo 0)} \
		$(PYTHON) packaging/sbom.py $(VERSION) $(NANOPB_LIBRARY) $(PROGRAMS:%=$(O)/%) $(O)/libmuster.so.0 > $@.new && mv $@.new $@

FORCE:

clean:
	rm -rf $(O)

help:
	@echo 'all      build the programs and libraries into $(O)/'
	@echo 'man      the man pages, into $(O)/man/; part of all'
	@echo 'run      show the whole story on real parts'
	@echo 'test     install what is missing, then run every test'
	@echo 'check    lint and unit tests: before each commit'
	@echo 'abi      declare a change of what libmuster promises to programs (client/libmuster.abi)'
	@echo 'sim      the simulation (SEEDS=10000 DAYS=500 FIRST=1); a seed that breaks a rule says how to see it again'
	@echo 'faults   every allocation and call of the disk fails in turn, once and for good (FAULT_STRIDE=1)'
	@echo 'kills    a host is killed under load, and nothing that it acknowledged is lost (KILLS=100)'
	@echo 'pid1     the installed units under a real systemd, in a container (root)'
	@echo 'packages the Debian packages: lintian, reproducible, installed, upgraded and purged in a container (root)'
	@echo 'flood    strangers crowd the door of a real host (FLOOD_SECONDS=300)'
	@echo 'soak     a host at work for long, with restarts and strangers (SOAK_SECONDS=3600)'
	@echo 'powercut cut the power of a real file system under load (CUTS=120; root)'
	@echo 'sanitize the tests under ASan and UBSan'
	@echo 'tsan     the system tests, and unit tests with threads, under ThreadSanitizer (TSAN_TESTS=tests/system/test_x.py)'
	@echo 'coverage lines and branches that the tests reach; fails below 95 % (protocol) and 85 % (all)'
	@echo 'fuzz     fuzz every parser (FUZZ_SECONDS=600 each, hours in all)'
	@echo 'bench    measure; writes $(O)/bench.json'
	@echo 'bench-models  only users, groups and seats; writes $(O)/bench-models.json'
	@echo 'bench-instructions  of an activation and a renewal, by callgrind'
	@echo 'bench-storm  100,000 machines within a minute; bench-scale: to 10,000 connections and 10 million devices, as a plot'
	@echo 'bench-peers  beside PostgreSQL and a service by hand; writes $(O)/bench-peers.json'
	@echo 'bench-listing  only long lists beside activations; writes $(O)/bench-listing.json'
	@echo 'install  honours DESTDIR, PREFIX and the GNU directory variables; uninstall takes away the same'
	@echo 'dist     the tarball of what is committed; distcheck: it builds, and installs and uninstalls cleanly'
	@echo 'deb      the Debian packages, into $(O)/deb'
	@echo 'rpm      the RPM packages, into $(O)/rpm'
	@echo 'sbom     the libraries of the programs and their packages, as SPDX; writes $(O)/muster-$(VERSION).spdx.json'

-include $(shell test -d $(O) && find $(O)/obj $(O)/tests -name '*.d' 2>/dev/null)
