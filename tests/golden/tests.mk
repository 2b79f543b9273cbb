# The host code of many guest instructions and idioms, compared with what is checked in: run with the
# unit tests. `make golden` writes it anew.
ifeq ($(HOST_ARCH),x86_64)
golden_obj := $(call objects,$(call find,tests/golden/*.c tests/golden/*.S))
tests/golden/golden: $(golden_obj) $(archives)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) -o $@ $(LDFLAGS_ALL) $(golden_obj) \
	    -Wl,--start-group $(archives) -Wl,--end-group $(LIBS)
-include $(golden_obj:.o=.d)

TESTS_unit += $(srcdir)/tests/golden/check-golden.sh
check-unit check-programs: tests/golden/golden
.PHONY: golden
golden: tests/golden/golden
	$(call say,GEN,tests/golden/x86_64.txt)tests/golden/golden >tests/golden/new.txt && \
	    mv tests/golden/new.txt $(srcdir)/tests/golden/x86_64.txt
endif
