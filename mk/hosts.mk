# Other hosts: both commands of README on a bare Debian that debootstrap makes.  HOST=trixie|bookworm, FULL=1
# for all tests; see tests/hosts/run.
HOST ?= trixie
.PHONY: test-host
test-host:
	$(Q)tests/hosts/run $(if $(filter 1,$(FULL)),--full) $(HOST)
