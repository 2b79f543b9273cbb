# The translator by itself: figures, no verdict. Built with the unit tests, so that it stays whole.
bench_programs := tests/bench/tcgbench
$(bench_programs): %: obj/%.o $(archives)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) -o $@ $(LDFLAGS_ALL) $< \
	    -Wl,--start-group $(archives) -Wl,--end-group $(LIBS)
-include $(addprefix obj/,$(addsuffix .d,$(bench_programs)))
check-unit check-programs: $(bench_programs)

.PHONY: bench-tcg
bench-tcg: tests/bench/tcgbench
	tests/bench/tcgbench
