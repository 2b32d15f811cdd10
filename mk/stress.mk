# Long-running guest programs: not part of `make test`; `make stress SECONDS=600 CPUS=4 DEBUG=1`.
STRESS := $(patsubst tests/stress/%.c,$(O)/stress/bin/%,$(sort $(wildcard tests/stress/*.c)))
# a program may have further parts in a folder of its name
.SECONDEXPANSION:
$(O)/stress/bin/%: tests/stress/%.c $$(wildcard tests/stress/$$*/*) $(O)/linux-headers/.done
	@mkdir -p $(@D) $(O)/stress/tmp
	$(call say,STRESS,$@)$(MUSL_CC) $(GUEST_FLAGS) -o $@ $(filter %.c,$^)
SECONDS ?= 60
CPUS ?= 4
.PHONY: stress stress-programs
stress-programs: $(STRESS)
stress: all stress-programs
	@for p in $(notdir $(STRESS)); do \
		echo "== $$p $(SECONDS) s on $(CPUS) vCPUs"; \
		CORRIDA_BUILD=$(O) tools/corrida run --privileged-files yes -m 512M -c $(CPUS) $(O)/stress /bin/$$p $(SECONDS) || exit 1; \
	done
