# What is installed, and the Debian package.  The manual pages and the completion are printed by the
# launcher, from the table that its --help is made of.
.PHONY: install installed deb
prefix ?= /usr/local
MAN := $(O)/man/corrida.1 $(O)/man/corrida-run.1 $(O)/man/corrida-suite.1 $(O)/man/corrida-doctor.1
COMPLETION := $(O)/man/corrida.bash
$(O)/man/corrida.1: $(O)/corrida
	@mkdir -p $(@D)
	$(call say,MAN,$@)$< help --man corrida > $@
$(O)/man/corrida-%.1: $(O)/corrida
	@mkdir -p $(@D)
	$(call say,MAN,$@)$< help --man $* > $@
$(COMPLETION): $(O)/corrida
	@mkdir -p $(@D)
	$(call say,MAN,$@)$< help --bash > $@

installed: kernel host-tools $(MAN) $(COMPLETION)
install: installed
	install -d $(DESTDIR)$(prefix)/bin $(DESTDIR)$(prefix)/lib/corrida $(DESTDIR)$(prefix)/share/man/man1 \
		$(DESTDIR)$(prefix)/share/bash-completion/completions
	install -m 755 $(O)/corrida $(DESTDIR)$(prefix)/bin/corrida
	install -m 644 $(KERNEL).stripped $(DESTDIR)$(prefix)/lib/corrida/corrida.elf
	install -m 644 $(MAN) $(DESTDIR)$(prefix)/share/man/man1/
	install -m 644 $(COMPLETION) $(DESTDIR)$(prefix)/share/bash-completion/completions/corrida

# From a copy of what git knows: dpkg-buildpackage writes into the tree and beside it.
DEB := $(O)/deb
deb:
	@command -v dh dpkg-buildpackage >/dev/null || \
		{ echo 'make deb: apt-get install dpkg-dev debhelper' >&2; exit 1; }
	$(Q)rm -rf $(DEB) && mkdir -p $(DEB)/corrida
	$(Q)git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t $(DEB)/corrida
	$(Q)cd $(DEB)/corrida && env -u MAKEFLAGS -u MAKEOVERRIDES -u MAKELEVEL dpkg-buildpackage -us -uc -b >../log 2>&1 || \
		{ tail -30 ../log; exit 1; }
	$(Q)rm -rf $(DEB)/corrida
	$(Q)if command -v lintian >/dev/null; then lintian --allow-root --fail-on warning,error $(DEB)/*.changes; fi
	@ls $(DEB)/*.deb
