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

# VNC servers side by side: a guest that shows pictures, a viewer that measures, a client on libvncclient that compares.
ifeq ($(HOST_ARCH),x86_64)
bench_guest_lib := $(addprefix obj/,$(addsuffix .64.o,$(basename $(call find,tests/guest/lib/*.c tests/guest/lib/*.S))))
bench_program = $(CC) -std=gnu11 -D_GNU_SOURCE -O2 $(WARNINGS) -o $@ $(filter %.c,$^)
tests/bench/vnc/client: $(addprefix $(srcdir)/tests/bench/vnc/,client.c scenes.h)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(bench_program) -lvncclient
tests/bench/vnc/viewer: $(addprefix $(srcdir)/tests/bench/vnc/,viewer.c rfb.c rfb.h scenes.h)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(bench_program)
tests/bench/vnc/crowd: $(addprefix $(srcdir)/tests/bench/vnc/,crowd.c rfb.c rfb.h)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(bench_program) -pthread
obj/tests/bench/vnc/guest.o: $(srcdir)/tests/bench/vnc/scenes.h
obj/tests/bench/%/guest.o: $(srcdir)/tests/bench/%/guest.c
	@mkdir -p $(@D)
	$(call say,GUESTCC,$@)$(GUEST_CC) $(call guest_flags,64) -MMD -MP -c $< -o $@
tests/bench/%/guest.img: obj/tests/bench/%/guest.o $(bench_guest_lib) $(srcdir)/tests/guest/lib/link.ld
	@mkdir -p $(@D)
	$(call say,GUEST,$@)$(GUEST_CC) -m64 -nostdlib -static -no-pie -Wl,--build-id=none \
	    -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments \
	    -T $(srcdir)/tests/guest/lib/link.ld -o $@.elf \
	    $(filter %.o,$^) && $(OBJCOPY) -O elf32-i386 $@.elf $@
-include $(wildcard obj/tests/bench/*/guest.d)
.PHONY: bench-vnc bench-clients bench-kvm
bench-clients: all tests/bench/vnc/crowd tests/bench/vnc/viewer tests/bench/vnc/guest.img
	python3 $(srcdir)/tests/bench/clients.py --build $(builddir) $(BENCH_ARGS)
bench-vnc: all tests/bench/vnc/client tests/bench/vnc/viewer tests/bench/vnc/guest.img
	python3 $(srcdir)/tests/bench/vnc.py --build $(builddir) $(BENCH_ARGS)
# Ways out of a guest under KVM and into it; needs /dev/kvm and Debian's qemu-system-x86.
tests/bench/kvm/messages: $(srcdir)/tests/bench/kvm/messages.c
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(bench_program)
bench-kvm: all tests/bench/kvm/guest.img tests/bench/kvm/messages
	tests/bench/kvm/messages
	python3 $(srcdir)/tests/bench/kvm.py --build $(builddir) $(BENCH_ARGS)
endif
