# SPDX-License-Identifier: MIT
# A short way to what meson and ninja do; `make help` lists it.

PREFIX ?= /usr/local
BUILD = build
NINJA = ninja -C $(BUILD)
# Who is root only to install builds as the owner of the build: nothing in it becomes root's.
OWNER = $(shell stat -c '--reuid=%u --regid=%g' $(BUILD))
AS_OWNER = $(if $(filter --reuid=0,$(OWNER)),,$(if $(filter 0,$(shell id -u)),setpriv $(OWNER) --clear-groups --))

all: $(BUILD)/build.ninja   ## build everything into build/; bin/matchlock is the program
	@$(NINJA)
	@mkdir -p bin
	@ln -sfn ../$(BUILD)/bin/matchlock bin/matchlock
	@ln -sfn ../$(BUILD)/lib/matchlock/guest-init bin/guest-init

$(BUILD)/build.ninja:
	@tools/deps --check build
	@meson setup $(BUILD) --prefix $(PREFIX)

demo:    ## install what is missing, build, and run a command in a micro-VM
	@tools/deps build
	@$(MAKE) --no-print-directory all
	build/bin/matchlock run --image matchlock/base -- cat /etc/os-release

deps:    ## install the Debian packages that are missing
	@tools/deps

check:   ## all tests and checks; the last line counts them
	@tools/deps
	@tools/check

soak: all   ## the long counts, and every fuzz target for 10 minutes
	MATCHLOCK_SOAK=1 meson test -C $(BUILD) --timeout-multiplier 20
	tools/fuzz-all 600

bench: all   ## the benchmarks, as ratios against peers
	@meson test -C $(BUILD) --benchmark --verbose --num-processes 1

fmt:     ## format the C files in place
	@git ls-files -z '*.c' '*.h' | xargs -0 clang-format -i

install: $(BUILD)/build.ninja   ## into PREFIX (/usr/local), below DESTDIR if that is set
	@$(AS_OWNER) meson configure $(BUILD) -Dprefix=$(PREFIX)
	@$(AS_OWNER) $(NINJA) --quiet
	@$(AS_OWNER) touch $(BUILD)/meson-logs/install-log.txt
	@meson install -C $(BUILD) --no-rebuild --quiet

deb:     ## the Debian package, into build/deb/
	@tools/deps --check deb
	@tools/deb $(BUILD)/deb

clean:   ## remove everything that was built
	@rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-clang $(BUILD)-analyzer $(BUILD)-fuzz bin

help:
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

.PHONY: all demo deps check soak bench fmt install deb clean help
