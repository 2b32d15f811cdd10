# Documents that are made from code; `make lint` fails when they differ from it.
$(O)/syscall-docs: tools/syscall-docs.c syscall/table.def
	@mkdir -p $(@D)
	$(call say,HOSTCC,$<)$(CC) -std=gnu11 -O1 -Wall -Wextra -Werror -Iinclude -o $@ $<
.PHONY: docs-check
docs: $(O)/syscall-docs $(O)/corrida
	$(Q)$(O)/syscall-docs > SYSCALLS.md
	$(Q)$(PYTHON) tools/rooms.py --write ARCHITECTURE.md
	$(Q)$(PYTHON) tools/option-docs.py --write $(O)/corrida README.md
docs-check: $(O)/syscall-docs $(O)/corrida
	$(Q)bad=0; $(O)/syscall-docs | cmp - SYSCALLS.md || \
		{ echo 'SYSCALLS.md:1: generated: run make docs'; bad=1; }; \
	$(PYTHON) tools/rooms.py --check ARCHITECTURE.md || bad=1; \
	$(PYTHON) tools/option-docs.py --check $(O)/corrida README.md || bad=1; exit $$bad
