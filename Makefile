# SPDX-License-Identifier: MIT
# A thin front over Meson. `make run` and `make test` install what is missing (tools/deps.sh);
# NO_INSTALL=1 only names it. Meson alone never installs anything.
PREFIX ?= /usr/local
MESON_FLAGS ?=
FUZZ_SECONDS ?= 10
PROCESSOR_SECONDS ?= 3600
CANCELS ?= 1000000
SOAK_SECONDS ?= 600
SEEDS ?= 50

# Sanitizers slow the stories down: the time limits are scaled. They also make gcc warn of what is
# not so (it says so itself): there warnings are no errors.
SANITIZED_TESTS = --print-errorlogs --no-suite house --no-suite install -t 4
export ASAN_OPTIONS ?= detect_stack_use_after_return=0:abort_on_error=1
export UBSAN_OPTIONS ?= halt_on_error=1:abort_on_error=1:print_stacktrace=1
export TSAN_OPTIONS ?= halt_on_error=1:abort_on_error=1:second_deadlock_stack=1:die_after_fork=0:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_abort=0

# Half of their time the tests wait, so one more than there are processors run at once.
export MESON_TESTTHREADS ?= $(shell expr $$(nproc) + 1)

.PHONY: help run build test bench install deps check-asan check-tsan check-clang check-epoll \
	check-aarch64 check-fuzz campaign-fuzz check-cancels check-seeds check-soak check-foreign \
	conformance have-run have-test have-check have-foreign have-bench have-conformance have-all

help:
	@echo 'make run         build, and start the fleet of examples/circuit'
	@echo 'make test        build and run every test (about five minutes)'
	@echo 'make build       build/weir, the libraries, build/examples/*'
	@echo 'make bench       the measurements of doc/design/bench.md'
	@echo 'make install     into PREFIX (/usr/local), under DESTDIR if set'
	@echo 'make deps        install what all of these need, and nothing else'
	@echo 'make check-asan  the tests under AddressSanitizer and UBSan (build-asan/)'
	@echo 'make check-tsan  the tests under ThreadSanitizer, clang (build-tsan/)'
	@echo 'make check-clang the tests built by clang (build-clang/)'
	@echo 'make check-epoll the tests without io_uring: libc only (build-epoll/)'
	@echo 'make check-aarch64  cross-built, core tests under qemu (build-aarch64/)'
	@echo 'make check-fuzz  each fuzz target for FUZZ_SECONDS=10 (build-fuzz/)'
	@echo 'make campaign-fuzz  all fuzz targets at once, PROCESSOR_SECONDS=3600 each; may be stopped'
	@echo 'make check-cancels  CANCELS=1000000 over poisoned buffers, on each backend (build/)'
	@echo 'make check-seeds  the tests of the simulated backend under SEEDS=50 seeds (build/)'
	@echo 'make check-soak  the circuit, its buzzer killed and stopped for SOAK_SECONDS=600 (build/)'
	@echo 'make conformance  our peers and those of others by weir torture: doc/conformance.md'
	@echo 'make check-foreign  what stands on libraries of others: GLib, libuv, PostgreSQL, SQLite'
	@echo 'run, test: NO_INSTALL=1 names missing packages instead of installing them'

run: build
	build/weir up -f examples/circuit/fleet.yaml

build: have-run build/build.ninja
	ninja -C build product

build/build.ninja: | have-run
	meson setup build --prefix=$(PREFIX) --libdir=lib -Dcli=enabled -During=enabled $(MESON_FLAGS)

# What Meson found missing when only `build` was wanted may be there now: hence the cleared cache.
build/with-tests: build/build.ninja
	meson configure build --clearcache
	meson setup --reconfigure build -Dtests=enabled
	touch $@

test: have-test build/with-tests
	meson test -C build --print-errorlogs

bench: have-bench build/build.ninja
	bench/run

# Under sudo what root made in build/ is given back.
install: have-run build/build.ninja
	tools/prefix.sh build $(abspath $(PREFIX))
	ninja -C build product
	meson install -C build --no-rebuild
	[ -z "$$SUDO_UID" ] || chown -R --reference=. build

deps: have-all

have-run have-test have-check have-foreign have-bench have-conformance have-all: have-%:
	@tools/deps.sh $*

# $(1) folder, $(2) compiler, $(3) Meson's flags
setup = [ -e $(1)/build.ninja ] || \
	CC=$(2) meson setup $(1) -Dtests=enabled -Dcli=enabled -Dbench=disabled $(3)

check-asan: have-check
	$(call setup,build-asan,gcc,-Doptimization=1 -Db_sanitize=address$(comma)undefined -Db_lundef=false \
		-Dwerror=false)
	WEIR_TEST_TIMEOUT_SCALE=4 meson test -C build-asan $(SANITIZED_TESTS)

check-tsan: have-check
	$(call setup,build-tsan,clang,-Db_sanitize=thread -Db_lundef=false -Dwerror=false)
	WEIR_TEST_TIMEOUT_SCALE=8 meson test -C build-tsan $(SANITIZED_TESTS) \
		--suite unit --suite planted

check-clang: have-check
	$(call setup,build-clang,clang,)
	meson test -C build-clang --print-errorlogs --suite unit

check-epoll: have-check
	$(call setup,build-epoll,gcc,-During=disabled)
	meson test -C build-epoll --print-errorlogs --suite unit --suite install

# Two programs at once, some three minutes; the limits are for a machine that has much else to do.
check-cancels: have-test build/with-tests
	WEIR_CANCELS=$(CANCELS) WEIR_TEST_TIMEOUT_SCALE=60 meson test -C build --print-errorlogs \
		-t 12 sim-cancel_test sys-pressure_test

check-seeds: have-test build/with-tests
	ninja -C build
	test/seeds.sh build/test 1 $(SEEDS)

check-foreign: have-foreign
	rm -rf build-foreign
	meson setup build-foreign -Dtests=enabled -Dbench=disabled -Dforeign=enabled
	meson test -C build-foreign --print-errorlogs examples awaitable

# Both backends at once. The seed is in what it prints: WEIR_SOAK_SEED repeats its choices.
check-soak: have-test build/with-tests
	WEIR_SOAK_SECONDS=$(SOAK_SECONDS) meson test -C build --print-errorlogs -t 0 --suite soak
	@grep '^# ' build/meson-logs/testlog.txt

# Some eight minutes; it writes doc/conformance.md. Fails if a peer of ours is not strict.
conformance: have-conformance build/with-tests
	ninja -C build
	python3 test/torture/conformance.py build doc/conformance.md

# libFuzzer and ASan are in the targets' own flags.
check-fuzz: have-check
	$(call setup,build-fuzz,clang,)
	test/fuzz/smoke.sh build-fuzz $(FUZZ_SECONDS)

# What was begun before goes on: corpora and seconds stay in build-fuzz/corpora.
campaign-fuzz: have-check
	$(call setup,build-fuzz,clang,)
	ninja -C build-fuzz fuzz
	test/fuzz/campaign.py build-fuzz $(PROCESSOR_SECONDS)

# The rooms that know the machine, and those they stand on, under qemu.
check-aarch64: have-check
	[ -e build-aarch64/build.ninja ] || meson setup build-aarch64 --cross-file tools/aarch64.ini \
		-Dtests=enabled -Dcli=disabled -During=disabled -Dbench=disabled
	WEIR_TEST_TIMEOUT_SCALE=8 meson test -C build-aarch64 --print-errorlogs --suite native -t 8

comma := ,
