# Benchmarks against a Linux guest: same QEMU, same share, same static binaries, alternating.
# Debian's cloud kernel is downloaded and unpacked into the build directory, never installed.
BENCH_DIR := $(O)/bench
.PHONY: bench
bench: all $(BENCH_DIR)/share/bin/bench $(BENCH_DIR)/share/bin/tree $(BENCH_DIR)/share/bin/hello $(BENCH_DIR)/share/bin/redis-server $(BENCH_DIR)/initrd.gz $(BENCH_DIR)/vmlinux $(BENCH_DIR)/empty.elf
	$(Q)$(PYTHON) tests/bench/run --build $(O) $(BENCH_ARGS)
# The tables of README from the last `make bench`.
.PHONY: bench-readme
bench-readme:
	$(Q)$(PYTHON) tests/bench/readme.py $(O)
$(BENCH_DIR)/share/bin/bench: tests/bench/bench.c $(O)/linux-headers/.done
	@mkdir -p $(@D) $(addprefix $(BENCH_DIR)/share/,dev proc tmp data)
	$(call say,BENCH,$@)$(MUSL_CC) -std=gnu11 -O2 -Wall -Wextra -Wno-unused-parameter -static -pthread \
		-idirafter $(O)/linux-headers -o $@ $<
$(BENCH_DIR)/share/bin/tree: tests/bench/tree.c $(O)/rootfs/.complete
	@mkdir -p $(@D)
	$(call say,BENCH,$@)$(MUSL_CC) -std=gnu11 -O2 -Wall -Wextra -static -o $@ $<
	$(Q)cp $(O)/rootfs/bin/busybox $(@D)/busybox
$(BENCH_DIR)/share/bin/hello: rootfs/hello.c
	@mkdir -p $(@D)
	$(call say,BENCH,$@)$(MUSL_CC) -std=gnu11 -O2 -static -o $@ $<
# from Debian's source: about a minute
$(BENCH_DIR)/share/bin/redis-server: tests/programs/sources.py
	@mkdir -p $(@D)
	$(call say,BENCH,$@)$(PYTHON) $< $(O) redis $@
$(BENCH_DIR)/empty.elf: tests/bench/empty.S
	@mkdir -p $(@D)
	$(call say,BENCH,$@)$(CC) -m32 -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-Ttext=0x100000 -o $@ $<
$(BENCH_DIR)/vmlinuz: tests/bench/fetch-linux
	@mkdir -p $(@D)
	$(call say,FETCH,$@)tests/bench/fetch-linux $(BENCH_DIR)
# the tuned guest boots it by PVH
$(BENCH_DIR)/vmlinux: $(BENCH_DIR)/vmlinuz tests/bench/extract-vmlinux
	$(call say,EXTRACT,$@)tests/bench/extract-vmlinux $< $@
$(BENCH_DIR)/initrd.gz: tests/bench/linux-init.c $(BENCH_DIR)/vmlinuz
	@mkdir -p $(BENCH_DIR)/initrd/modules $(BENCH_DIR)/initrd/dev
	$(Q)$(MUSL_CC) -std=gnu11 -O2 -static -idirafter $(O)/linux-headers -o $(BENCH_DIR)/initrd/init $<
	$(Q)cp $(BENCH_DIR)/modules/*.ko $(BENCH_DIR)/initrd/modules/
	$(Q)cd $(BENCH_DIR)/initrd && find . | cpio -o -H newc --quiet > ../initrd.cpio
	$(Q)gzip -1 -c $(BENCH_DIR)/initrd.cpio > $@
