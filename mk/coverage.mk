# Which code of the kernel the guest tests and the stress programs reach, by a plugin of QEMU (TCG).
.PHONY: coverage
coverage: all guest-tests stress-programs
	$(Q)tests/coverage/run --build $(O)
