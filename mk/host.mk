# The host's side: the launcher, the sample root that `make run` shares, the runner.
.PHONY: host-tools rootfs

# --- the launcher.  Static: it starts in a third of the time.  argv and execv() know no const.
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
LAUNCHER_SRC := $(sort $(wildcard tools/launcher/*.c tools/launcher/*/*.c))
LAUNCHER_OBJ := $(LAUNCHER_SRC:tools/launcher/%.c=$(O)/launcher/%.o)
LAUNCHER_FLAGS := -std=gnu11 -O2 -g -idirafter include -Itools/launcher -pthread \
	$(filter-out -Wcast-qual -Wno-unused-parameter -Wno-sign-compare -Wframe-larger-than=%,$(WARN))
$(O)/launcher/main.o $(O)/launcher/option_print.o $(O)/launcher/doctor.o: LAUNCHER_FLAGS += -DCORRIDA_VERSION='"$(VERSION)"'
$(O)/launcher/%.o: tools/launcher/%.c
	@mkdir -p $(@D)
	$(call say,HOSTCC,$<)$(CC) $(LAUNCHER_FLAGS) -MMD -MP -c $< -o $@
$(O)/corrida: $(LAUNCHER_OBJ)
	$(call say,HOSTLD,$@)$(CC) -static -pthread -o $@ $(LAUNCHER_OBJ)
host-tools: $(O)/corrida
lint: $(LAUNCHER_SRC:tools/launcher/%.c=$(O)/lint/launcher/%.ok)
$(O)/lint/launcher/%.ok: tools/launcher/%.c $(wildcard tools/launcher/*.h tools/launcher/*/*.h)
	@mkdir -p $(@D)
	$(call say,LINT,$<)$(CLANG) $(LAUNCHER_FLAGS) -fsyntax-only $< && touch $@
-include $(LAUNCHER_OBJ:.o=.d)

# --- the sample root: our own programs for each kind of static executable, and busybox
ROOT_FLAGS := -std=gnu11 -O2 -g -Wall -Wextra
ROOT_BIN := hello tour exits hello-pie hello-glibc hello-glibc-pie
ROOT_BIN := $(ROOT_BIN:%=$(O)/rootfs-bin/%)
$(O)/rootfs-bin/%: rootfs/%.c
	@mkdir -p $(@D)
	$(call say,ROOT,$@)$(MUSL_CC) $(ROOT_FLAGS) -static -o $@ $<
$(O)/rootfs-bin/hello-pie: rootfs/hello.c rootfs/musl-static-pie.specs
	@mkdir -p $(@D)
	$(call say,ROOT,$@)$(CC) $(ROOT_FLAGS) -specs rootfs/musl-static-pie.specs -o $@ $<
$(O)/rootfs-bin/hello-glibc: rootfs/hello.c
	@mkdir -p $(@D)
	$(call say,ROOT,$@)$(CC) $(ROOT_FLAGS) -static -o $@ $<
$(O)/rootfs-bin/hello-glibc-pie: rootfs/hello.c
	@mkdir -p $(@D)
	$(call say,ROOT,$@)$(CC) $(ROOT_FLAGS) -static-pie -o $@ $<
$(O)/rootfs/.complete: $(ROOT_BIN) rootfs/build-root rootfs/etc-passwd rootfs/etc-group
	$(call say,ROOT,$(O)/rootfs)rootfs/build-root $(O)/rootfs $(ROOT_BIN) && touch $@
rootfs: $(O)/rootfs/.complete

# --- run: the sample by default, or the user's own: make run DIR=... PROG=... ARGS="..."
DIR ?=
PROG ?=
ARGS ?=
OPTIONS ?=
run: kernel host-tools rootfs
ifeq ($(PROG),)
	@echo '$$ tools/corrida run $(O)/rootfs hello'
	@CORRIDA_BUILD=$(O) tools/corrida run $(OPTIONS) $(O)/rootfs hello
	@echo '$$ tools/corrida run $(O)/rootfs tour / /etc'
	@CORRIDA_BUILD=$(O) tools/corrida run $(OPTIONS) $(O)/rootfs tour / /etc
else
	@CORRIDA_BUILD=$(O) tools/corrida run $(OPTIONS) $(or $(DIR),$(O)/rootfs) $(PROG) $(ARGS)
endif
