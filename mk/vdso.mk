# The vDSO: a shared object without relocations, embedded by loader/vdso_image.S.
VDSO_FLAGS := -std=gnu11 -O2 -ffreestanding -fPIC -shared -nostdlib -mno-red-zone \
	-mgeneral-regs-only -fno-stack-protector -fno-common -fasynchronous-unwind-tables \
	-fcf-protection=none -fvisibility=default -fno-builtin -Iinclude -I$(O)/include \
	-Wno-missing-prototypes
$(O)/include/vdso.so: loader/vdso/vdso.c loader/vdso/vdso.lds include/arch/clock.h
	@mkdir -p $(@D)
	$(call say,VDSO,$@)$(CC) $(VDSO_FLAGS) -Wall -Wextra -Werror -Wl,-T,loader/vdso/vdso.lds \
		-Wl,--hash-style=both -Wl,-soname,linux-vdso.so.1 -Wl,--build-id=none \
		-Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,-Bsymbolic -Wl,-s -o $@ $<
	$(Q)if readelf -rW $@ | grep -q R_X86_64; then echo 'vdso.so has relocations' >&2; rm -f $@; exit 1; fi
$(O)/loader/vdso_image.S.o: $(O)/include/vdso.so
