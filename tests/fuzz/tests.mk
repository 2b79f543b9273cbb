# Each .c file here but driver.c is a fuzz target, NAME.c with its corpus in corpus/NAME. In CI the
# driver runs the corpus and mutations by fixed seeds; `make fuzz-NAME` runs libFuzzer (clang) with
# ASan and UBSan, FUZZ_SECONDS long, and puts what it finds new into the build directory.
# `make fuzz-campaign` gives each of FUZZ_TARGETS (default: all) FUZZ_SECONDS of a processor's time.
# `make fuzz-coverage`, in a build with --enable-coverage, prints which lines the corpora by themselves reach.
fuzz_targets := $(filter-out driver,$(patsubst tests/fuzz/%.c,%,$(call find,tests/fuzz/*.c)))
fuzz_programs := $(addprefix tests/fuzz/,$(fuzz_targets))
FUZZ_CC ?= clang
FUZZ_SECONDS ?= 600
TESTS_fuzz += $(fuzz_programs)
# Its peers have TLS and passwords of their own.
tests/fuzz/vnc_entry fuzz/vnc_entry: \
    LIBS += $(if $(filter yes,$(GNUTLS)),-lgnutls) $(if $(filter yes,$(NETTLE)),-lnettle)

$(fuzz_programs): %: obj/%.o obj/tests/fuzz/driver.o $(archives)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) -o $@ $(LDFLAGS_ALL) $< obj/tests/fuzz/driver.o \
	    -Wl,--start-group $(archives) -Wl,--end-group $(LIBS)
test_obj += $(addprefix obj/,$(addsuffix .o,$(fuzz_programs) tests/fuzz/driver))

# Built anew with clang's instrumentation, the whole library once for all targets.
fuzz_flags = -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -std=gnu11 \
    $(CPPFLAGS_ALL) -pthread
fuzz_obj := $(addprefix fuzz/obj/,$(addsuffix .o,$(basename $(foreach l,$(layers),$($(l)_src)))))
fuzz/obj/%.o: $(srcdir)/%.c
	@mkdir -p $(@D)
	$(call say,FUZZ,$*.c)$(FUZZ_CC) $(fuzz_flags) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@
fuzz/obj/%.o: $(srcdir)/%.S
	@mkdir -p $(@D)
	$(call say,FUZZ,$*.S)$(FUZZ_CC) $(CPPFLAGS_ALL) -MMD -MP -c $< -o $@
fuzz/obj/page/files.o: page/files.c
	@mkdir -p $(@D)
	$(call say,FUZZ,page/files.c)$(FUZZ_CC) $(fuzz_flags) -c $< -o $@
fuzz/obj/gen/%.o: gen/%.c
	@mkdir -p $(@D)
	$(call say,FUZZ,$<)$(FUZZ_CC) $(fuzz_flags) -c $< -o $@
fuzz_obj += fuzz/obj/page/files.o fuzz/obj/gen/a64.o fuzz/obj/gen/a32.o
$(filter fuzz/obj/tcg/arm/% fuzz/obj/gen/%,$(fuzz_obj)): | gen/a64.h gen/a32.h
-include $(fuzz_obj:.o=.d)

$(addprefix fuzz/,$(fuzz_targets)): fuzz/%: $(srcdir)/tests/fuzz/%.c $(fuzz_obj)
	$(call say,FUZZ,$@)$(FUZZ_CC) $(fuzz_flags) -fsanitize=fuzzer -o $@ $^ $(LIBS)

.PHONY: $(addprefix fuzz-,$(fuzz_targets))
$(addprefix fuzz-,$(fuzz_targets)): fuzz-%: fuzz/%
	@mkdir -p fuzz/found-$*
	cd fuzz && ./$* -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=1024 -timeout=20 -max_len=131072 \
	    found-$* $(abspath $(srcdir))/tests/fuzz/corpus/$*

.PHONY: fuzz-campaign
FUZZ_TARGETS ?= $(fuzz_targets)
fuzz-campaign: $(addprefix fuzz/,$(FUZZ_TARGETS))
	@sh $(srcdir)/tests/fuzz/campaign.sh $(FUZZ_SECONDS) $(FUZZ_TARGETS)

.PHONY: fuzz-coverage
fuzz-coverage: $(fuzz_programs)
	@find obj -name '*.gcda' -delete
	@for t in $(fuzz_programs); do \
	    VEMU_SRC=$(srcdir) VEMU_BUILD=$(builddir) VEMU_TEST_MUTATIONS=0 ./$$t >/dev/null || exit 1; done
	@sh $(srcdir)/tests/coverage.sh . | grep -v '  0\.0%'
