# Long-running guest programs: not part of `make test`; `make stress SECONDS=600 CPUS=4 DEBUG=1` runs those that take a
# time.  forks, leaks, oom and threads are built for use by hand: they take counts, modes and commands.
STRESS := $(patsubst tests/stress/%.c,$(O)/stress/bin/%,$(sort $(wildcard tests/stress/*.c)))
# a program may have further parts in a folder of its name
.SECONDEXPANSION:
$(O)/stress/bin/%: tests/stress/%.c $$(wildcard tests/stress/$$*/*) $(O)/linux-headers/.done
	@mkdir -p $(@D)
	$(call say,STRESS,$@)$(MUSL_CC) $(GUEST_FLAGS) -o $@ $(filter %.c,$^)
SECONDS ?= 60
CPUS ?= 4
.PHONY: stress stress-programs
stress-programs: $(STRESS)
stress: all stress-programs
	$(Q)tests/stress/run --build $(O) --seconds $(SECONDS) --cpus $(CPUS) --memory 512M churn fsrace liar objects sysfuzz
