# Layout: clang-format 14 decides.  FORMAT_SRC leaves out the assembler's macros and the corpora.
FORMAT_SRC := $(filter-out kernel/arch/asm_macros.h,$(shell git ls-files '*.c' '*.h' 2>/dev/null))
.PHONY: format format-check tidy
format:
	$(Q)clang-format -i $(FORMAT_SRC)
format-check:
	$(call say,FORMAT,$(words $(FORMAT_SRC)) files)clang-format --dry-run --Werror $(FORMAT_SRC)
tidy: $(O)/include/vdso.so
	$(call say,TIDY,.clang-tidy)clang-tidy --quiet $(LINT_SRC) -- $(KFLAGS) 2>/dev/null
lint: format-check tidy
