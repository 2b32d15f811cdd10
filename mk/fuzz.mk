# make fuzz [SECONDS=30]: every target of tests/fuzz for that long
SECONDS ?= 30
fuzz:
	$(Q)tests/fuzz/run --build $(O) $(SECONDS)
