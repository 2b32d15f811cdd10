# make test-kvm: Corrida under KVM, in an emulated machine where there is none; see tests/kvm/run --help.
#   FILTER=REGEX    guest tests whose label matches;  RESUME=1  without what has passed before
#   KVM_OPTIONS     more options of tests/kvm/run
FILTER ?=
KVM_OPTIONS ?=
.PHONY: test-kvm
test-kvm: all guest-tests stress-programs
	$(Q)tests/kvm/run --build $(O) --filter '$(FILTER)' $(if $(RESUME),--resume) $(KVM_OPTIONS)
