# make lint: what a compiler or a script can say about the sources.  Each check of a file leaves a
# stamp below $(O)/lint; those of the whole tree take about a second each.
#   lint         all of it; lint-test: tests/lint plants a bug for each rule and lint must refuse it
#   lint-counts  what the checks count;  format: clang-format 14 (Debian 12's) decides the layout, others lay out
#                macros differently and are not asked; clang and clang-tidy may be 14 or 19
LINT := $(O)/lint
LINT_SRC := $(SRC)
LINT_HEADERS := $(sort $(shell find include -name '*.h'))
# the assembler's macros are left out
FORMAT_SRC := $(filter-out kernel/arch/asm_macros.h,$(sort $(shell find \
	kernel syscall loader drivers include rootfs tests tools -name '*.[ch]')))
THREAD_SAFETY := -Wthread-safety -Wthread-safety-beta

.PHONY: lint lint-format lint-layers lint-sleep lint-code lint-counts lint-test format
lint: $(LINT_SRC:%.c=$(LINT)/%.ok) $(LINT_HEADERS:%=$(LINT)/%.ok) lint-format
lint: lint-layers lint-sleep lint-code docs-check

# clang compiles everything, with the lock analysis; clang-tidy has its checks in .clang-tidy.  What 19 has and 14
# does not: casts by way of void * say that the type is changed on purpose; kmalloc() and kfree() take void *; x++ in a
# condition is plain C.
TIDY_19 := -bugprone-casting-through-void,-bugprone-multi-level-implicit-pointer-conversion,-bugprone-inc-dec-in-conditions
$(LINT)/%.ok: %.c .clang-tidy
	@mkdir -p $(@D)
	$(call say,LINT,$<)$(CLANG) $(KFLAGS) -DLOCK_ANALYSIS $(WARN) $(THREAD_SAFETY) -Wunused-macros -Wgnu \
		-Wno-gnu-statement-expression -Wno-unused-command-line-argument -MMD -MP -MF $(@:.ok=.d) -MT $@ -fsyntax-only $<
	$(Q)clang-tidy --quiet --checks=$(TIDY_19) $< -- $(KFLAGS) 2>$(@:.ok=.err) || { cat $(@:.ok=.err); exit 1; }
	@touch $@
# each header compiles alone
$(LINT)/%.h.ok: %.h
	@mkdir -p $(@D)
	$(call say,HEADER,$<)echo '#include <$(<:include/%=%)>' | $(CC) -std=gnu11 -ffreestanding -DCONFIG_DEBUG=0 -Wall -Wextra \
		-Wno-unused-parameter -Werror -Iinclude -MMD -MP -MF $(@:.ok=.d) -MT $@ -x c -fsyntax-only -
	@touch $@
CLANG_FORMAT ?= $(or $(shell command -v clang-format-14),clang-format)
ifeq ($(filter lint lint-% format,$(MAKECMDGOALS)),)
else ifneq ($(findstring version 14.,$(shell $(CLANG_FORMAT) --version 2>&1)),)
lint-format: $(FORMAT_SRC:%=$(LINT)/format/%.ok)
else
lint-format:
	@echo 'lint: the layout is not checked: clang-format 14 decides it, this is $(shell $(CLANG_FORMAT) --version 2>&1)'
endif
$(LINT)/format/%.ok: % .clang-format
	@mkdir -p $(@D)
	$(Q)$(CLANG_FORMAT) --dry-run --Werror $< && touch $@
format:
	$(Q)$(CLANG_FORMAT) -i $(FORMAT_SRC)

# what uses what, by includes and by symbols of the objects
lint-layers: $(OBJ)
	$(call say,LAYERS,tools/rooms.py)$(PYTHON) tools/check-layers.py $(O)
# nothing that may sleep is reached under a spinlock, over the whole program
lint-sleep: $(OBJ)
	$(call say,SLEEP,objects)$(PYTHON) tools/check-sleep.py $(O)
# what rots unnoticed: dead code, names in comments, sizes; lint-counts prints the figures
lint-code: $(OBJ)
	$(call say,CODE,sources)$(PYTHON) tools/check-code.py $(O)
lint-counts: $(OBJ)
	$(Q)$(PYTHON) tools/check-code.py $(O) --counts
# each rule refuses the bug that is planted for it
lint-test: lint
	$(Q)tests/lint/run --build $(O)

-include $(LINT_SRC:%.c=$(LINT)/%.d) $(LINT_HEADERS:%.h=$(LINT)/%.h.d)
