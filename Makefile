# Corrida: one makefile, not recursive.  `make help` lists the targets.
#   O=DIR     build directory (build, or build-debug with DEBUG=1)
#   DEBUG=1   lock ranks, poisoning, UBSan, DEBUG_ASSERT
DEBUG ?= 0
O ?= $(if $(filter 1,$(DEBUG)),build-debug,build)
ifneq ($(words $(O)),1)
$(error O='$(O)': the build directory is one word, without spaces)
endif
CC := gcc
CLANG := clang
PYTHON := python3
MUSL_CC := musl-gcc
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-8s %s\n' '$(1)' '$(2)';)

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla \
	-Wpointer-arith -Wnested-externs -Wwrite-strings -Wcast-qual -Wimplicit-fallthrough -Wno-unused-parameter \
	-Wno-sign-compare -Wframe-larger-than=2048
KFLAGS := -std=c11 -O2 -g -ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone \
	-mgeneral-regs-only -fno-omit-frame-pointer -fno-stack-protector -fno-common \
	-fno-strict-aliasing -fno-delete-null-pointer-checks -fno-asynchronous-unwind-tables \
	-fcf-protection=none -ffunction-sections -fdata-sections -Iinclude -I$(O)/include \
	-DCONFIG_DEBUG=$(DEBUG)
GCC_ONLY := -fno-tree-loop-distribute-patterns -fno-jump-tables -fno-reorder-blocks-and-partition
ifeq ($(DEBUG),1)
KFLAGS += -fsanitize=undefined -fsanitize-undefined-trap-on-error -fno-sanitize=alignment
endif

SRC := $(sort $(shell find kernel syscall loader drivers -name '*.c' ! -path 'loader/vdso/*'))
ASM := $(sort $(wildcard kernel/*/*.S loader/*.S))
OBJ := $(SRC:%.c=$(O)/%.o) $(ASM:%.S=$(O)/%.S.o)
KERNEL := $(O)/corrida.elf

# a recipe that fails leaves no half of its target
.DELETE_ON_ERROR:
.PHONY: all run test check-host check-guest bench docs clean kernel fuzz help
all: kernel host-tools rootfs
kernel: $(KERNEL) $(KERNEL).stripped

-include $(wildcard mk/*.mk)

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(KFLAGS) $(GCC_ONLY) $(WARN) -MMD -MP -c $< -o $@
$(O)/%.S.o: %.S
	@mkdir -p $(@D)
	$(call say,AS,$<)$(CC) $(KFLAGS) -D__ASSEMBLY__ -MMD -MP -c $< -o $@

# Two passes: the symbol table that panics print with comes from the first.
LINK = $(CC) -nostdlib -static -no-pie -Wl,-T,kernel/arch/kernel.ld -Wl,--gc-sections \
	-Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,--build-id=none
$(O)/pass1.elf: $(OBJ) kernel/arch/kernel.ld tools/ksyms.py
	$(Q)$(PYTHON) tools/ksyms.py --empty > $(O)/ksyms0.S
	$(Q)$(CC) $(KFLAGS) -c $(O)/ksyms0.S -o $(O)/ksyms0.o
	$(Q)$(LINK) $(OBJ) $(O)/ksyms0.o -o $@
$(KERNEL): $(O)/pass1.elf
	$(Q)readelf -sW $< > $(O)/pass1.syms
	$(Q)$(PYTHON) tools/ksyms.py < $(O)/pass1.syms > $(O)/ksyms1.S
	$(Q)$(CC) $(KFLAGS) -c $(O)/ksyms1.S -o $(O)/ksyms1.o
	$(call say,LD,$@)$(LINK) $(OBJ) $(O)/ksyms1.o -o $@
# what is installed and measured: debugging information stays behind
$(KERNEL).stripped: $(KERNEL)
	$(Q)strip -o $@ $<

# --- unit tests: the real .c files on the host, under ASan and UBSan.  Each test names what
# it links in a comment: UNIT_SOURCES: kernel/lib/rbtree.c ...
UNIT := $(patsubst tests/unit/%.c,$(O)/tests/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
UNIT_FLAGS := -std=gnu11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -Iinclude \
	-I$(O)/include -Itests/unit -DCORRIDA_HOST_TEST=1 -DCONFIG_DEBUG=1 -fno-builtin \
	-Wall -Wextra -Wno-unused-parameter -Wno-sign-compare
unit_sources = $(shell sed -n 's,.*UNIT_SOURCES: *\([^*]*\).*,\1,p' $1)
.SECONDEXPANSION:
$(O)/tests/unit/%: tests/unit/%.c $$(call unit_sources,tests/unit/$$*.c) $(wildcard tests/unit/*.h tests/unit/shim/*)
	@mkdir -p $(@D)
	$(call say,UNIT,$<)$(CC) $(UNIT_FLAGS) -MMD -MP -o $@ $< $(call unit_sources,$<) -lpthread
unit: $(UNIT)

# --- guest tests: ordinary static Linux programs
GUEST := $(patsubst tests/guest/%.c,$(O)/tests/guest/%,$(sort $(wildcard tests/guest/*.c)))
GUEST_FLAGS := -std=gnu11 -O1 -g -Wall -Wextra -Wno-unused-parameter -static -pthread \
	-idirafter $(O)/linux-headers
$(O)/linux-headers/.done:
	@mkdir -p $(@D)
	$(Q)ln -sfn /usr/include/linux $(@D)/linux; ln -sfn /usr/include/asm-generic $(@D)/asm-generic; \
	ln -sfn /usr/include/x86_64-linux-gnu/asm $(@D)/asm; touch $@
$(O)/tests/guest/%: tests/guest/%.c $(wildcard tests/guest/*.h) $(O)/linux-headers/.done
	@mkdir -p $(@D)
	$(call say,GUEST,$<)$(MUSL_CC) $(GUEST_FLAGS) -o $@ $<
# beside a server that lies: only tests/launcher/test_liar.py has use for it
$(O)/tests/liar/cases: tests/liar/cases.c $(O)/linux-headers/.done
	@mkdir -p $(@D)
	$(call say,GUEST,$<)$(MUSL_CC) $(GUEST_FLAGS) -o $@ $<
guest-tests: $(GUEST) $(O)/tests/liar/cases

# TESTS="--only guest --filter ...": options of tests/run, for less than all
test: all guest-tests $(if $(TESTS),$(findstring unit,$(TESTS)),unit)
	$(Q)tests/run --build $(O) $(TESTS)
check-host: unit guest-tests
	$(Q)tests/run --build $(O) --only unit,runner,native
check-guest: all guest-tests
	$(Q)tests/run --build $(O) --only guest

clean:
	rm -rf build build-debug
help:
	@echo 'make [all|run|test|check-host|check-guest|test-host|test-kvm|bench|fuzz|stress|coverage|lint|docs|install|deb|clean] [DEBUG=1] [O=DIR]'
	@echo 'make run DIR=... PROG=... ARGS="..."  runs your own program'

-include $(OBJ:.o=.d) $(UNIT:=.d)
