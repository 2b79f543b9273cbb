# Bare-metal guest tests: every tests/guest/NAME.c becomes the multiboot image tests/guest/NAME.img
# (64-bit; names that end in 32 are 32-bit) and one run of run-guests.sh.
#   make check-guest           under the vemu-system-x86_64 just built, both back ends
#   make check-guest-qemu      under the distribution's emulator, as a black box
#   make inject-long           injected invalidations, INJECT_SEEDS="1 2 3 ..." of them, and boots
#   make sanitizer-proofs      in a build with --enable-sanitizer=: machines of both architectures in one process, and
#                              Arm guests; the first report ends it
#   make docs-guest-tests      both, and writes the table docs/guest-tests.md
ifeq ($(HOST_ARCH),x86_64)
GUEST_CC ?= $(CC)
guest_src := $(call find,tests/guest/*.c)
guest_img := $(guest_src:.c=.img)
guest_lib_src := $(call find,tests/guest/lib/*.c tests/guest/lib/*.S)
guest_lib = $(addprefix obj/,$(addsuffix .$(1).o,$(basename $(guest_lib_src))))
guest_flags = -std=gnu11 -m$(1) -O2 -g0 -ffreestanding -fno-pie -fno-pic -fno-stack-protector \
    -fno-asynchronous-unwind-tables -fcf-protection=none -fno-builtin -mgeneral-regs-only \
    -mno-red-zone -Wall -Wextra -Wshadow -Wno-missing-prototypes -Werror -I$(srcdir)/tests/guest

guest_link = $(GUEST_CC) -m$(1) -nostdlib -static -no-pie -Wl,--build-id=none \
    -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments \
    -T $(srcdir)/tests/guest/lib/link.ld -o $@.elf $(filter %.o,$^) && $(OBJCOPY) -O elf32-i386 $@.elf $@

define guest_width
obj/tests/guest/%.$(1).o: $(srcdir)/tests/guest/%.c lists/flags
	@mkdir -p $$(@D)
	$$(call say,GUESTCC,$$*.c)$$(GUEST_CC) $$(call guest_flags,$(1)) -MMD -MP -c $$< -o $$@
obj/tests/guest/%.$(1).o: $(srcdir)/tests/guest/%.S lists/flags
	@mkdir -p $$(@D)
	$$(call say,GUESTAS,$$*.S)$$(GUEST_CC) $$(call guest_flags,$(1)) -MMD -MP -c $$< -o $$@
$(filter $(if $(filter 32,$(1)),%32.img,%.img),$(if $(filter 32,$(1)),$(guest_img),$(filter-out %32.img,$(guest_img)))): \
    %.img: obj/%.$(1).o $$(call guest_lib,$(1)) $(srcdir)/tests/guest/lib/link.ld
	@mkdir -p $$(@D)
	$$(call say,GUEST,$$@)$$(call guest_link,$(1))
endef
$(eval $(call guest_width,32))
$(eval $(call guest_width,64))

# Guests of tests/boot that are made of the same library.
obj/tests/boot/%_guest.64.o: $(srcdir)/tests/boot/%_guest.c lists/flags
	@mkdir -p $(@D)
	$(call say,GUESTCC,$*_guest.c)$(GUEST_CC) $(call guest_flags,64) -MMD -MP -c $< -o $@
tests/boot/continued.img: tests/boot/%.img: obj/tests/boot/%_guest.64.o $(call guest_lib,64) $(srcdir)/tests/guest/lib/link.ld
	@mkdir -p $(@D)
	$(call say,GUEST,$@)$(call guest_link,64)

# Arm: raw images in the form of a kernel, by a cross compiler.
AARCH64_CC ?= aarch64-linux-gnu-gcc
AARCH64_OBJCOPY ?= aarch64-linux-gnu-objcopy
arm_guest_flags = -std=gnu11 -march=armv8-a -O2 -g0 -ffreestanding -fno-pie -fno-pic \
    -fno-stack-protector -fno-asynchronous-unwind-tables -fno-builtin -mgeneral-regs-only \
    -mstrict-align -mno-outline-atomics -Wall -Wextra -Wshadow -Wno-missing-prototypes -Werror \
    -I$(srcdir)/tests/guest/arm
arm_guest_img := $(patsubst %.c,%.img,$(call find,tests/guest/arm/*.c))
arm_guest_lib := $(addprefix $(srcdir)/,$(call find,tests/guest/arm/lib/*.c tests/guest/arm/lib/*.S))
ifneq ($(shell command -v $(AARCH64_CC) 2>/dev/null),)
$(arm_guest_img): %.img: $(srcdir)/%.c $(arm_guest_lib) $(srcdir)/tests/guest/arm/lib/guest.h \
    $(srcdir)/tests/guest/arm/lib/link.ld lists/flags
	@mkdir -p $(@D)
	$(call say,GUEST,$@)$(AARCH64_CC) $(arm_guest_flags) -nostdlib -static -no-pie \
	    -Wl,--build-id=none -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments \
	    -T $(srcdir)/tests/guest/arm/lib/link.ld -o $@.elf $(arm_guest_lib) $< && \
	    $(AARCH64_OBJCOPY) -O binary $@.elf $@
check-guest check-programs: $(arm_guest_img)

# ELF images for processors of 32 bits.
ARM_CC ?= arm-linux-gnueabihf-gcc
ifneq ($(shell command -v $(ARM_CC) 2>/dev/null),)
arm32_guest_flags = $(filter-out -march=% -mstrict-align -mno-outline-atomics,$(arm_guest_flags)) \
    -marm -mcpu=cortex-a15 -mfloat-abi=softfp -mno-unaligned-access \
    -Wa,-march=armv7-a+virt+sec+mp+fp
arm32_guest_img := $(patsubst %.c,%.img,$(call find,tests/guest/arm32/*.c))
arm32_guest_lib := $(addprefix $(srcdir)/,$(call find,tests/guest/arm32/lib/*.c tests/guest/arm32/lib/*.S) tests/guest/arm/lib/print.c)
$(arm32_guest_img): %.img: $(srcdir)/%.c $(arm32_guest_lib) $(srcdir)/tests/guest/arm32/lib/guest.h \
    $(srcdir)/tests/guest/arm32/lib/link.ld lists/flags
	@mkdir -p $(@D)
	$(call say,GUEST,$@)$(ARM_CC) $(subst guest/arm,guest/arm32,$(arm32_guest_flags)) -nostdlib -static -no-pie \
	    -Wl,--build-id=none -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments \
	    -T $(srcdir)/tests/guest/arm32/lib/link.ld -o $@ $(arm32_guest_lib) $<
check-guest check-programs: $(arm32_guest_img)
TESTS_guest += $(srcdir)/tests/guest/run-guests-arm.sh
else
TESTS_guest += skip:no_$(ARM_CC)_for_Arm_guests
endif
else
TESTS_guest += skip:no_$(AARCH64_CC)_for_Arm_guests
endif

TESTS_guest += $(srcdir)/tests/guest/run-guests.sh $(srcdir)/tests/guest/run-guests-interp.sh \
    $(srcdir)/tests/guest/run-guests-tier2.sh $(srcdir)/tests/guest/run-guests-inject.sh \
    $(srcdir)/tests/guest/run-guests-saved.sh $(srcdir)/tests/guest/run-guests-kvm.sh \
    $(srcdir)/tests/guest/icount.sh
TIMEOUT_guest := 900
.PHONY: guest-images check-guest-qemu docs-guest-tests inject-long
.SECONDARY: $(foreach w,32 64,$(call guest_lib,$(w))) $(patsubst %.img,obj/%.32.o,$(guest_img)) \
    $(patsubst %.img,obj/%.64.o,$(guest_img))
guest-images: $(guest_img)
check-guest check-programs: $(guest_img)
check-guest-qemu: $(guest_img)
	@VEMU_SRC=$(srcdir) VEMU_BUILD=$(builddir) EMULATOR="$${EMULATOR:-qemu-system-x86_64 -accel tcg}" \
	    sh $(srcdir)/tests/guest/run-guests.sh
INJECT_SEEDS ?= 1 2 3 4 5 6 7 8
inject-long: all guests $(guest_img) tests/oracle/oracle
	@VEMU_SRC=$(srcdir) VEMU_BUILD=$(builddir) VEMU_GUESTS=$(GUESTS) INJECT_SEEDS='$(INJECT_SEEDS)' \
	    sh $(srcdir)/tests/guest/inject-long.sh
.PHONY: sanitizer-proofs
sanitizer-proofs: all guests $(arm_guest_img) tests/unit/programs/machine_api
	@mkdir -p tests/logs; set -e; export LSAN_OPTIONS=print_suppressions=0:suppressions=$(srcdir)/tests/checks/lsan.txt; \
	export TSAN_OPTIONS=halt_on_error=1:suppressions=$(srcdir)/tests/checks/tsan.txt; \
	tests/unit/programs/machine_api; \
	examples/two_machines $(foreach a,amd64 arm64,$(GUESTS)/$(a)/vmlinuz $(GUESTS)/$(a)/initrd); \
	VEMU_SRC=$(srcdir) VEMU_BUILD=$(builddir) GUEST_TIMEOUT=600 sh $(srcdir)/tests/guest/run-guests-arm.sh \
	    >tests/logs/sanitizer-proofs.tap; ! grep -A5 '^not ok' tests/logs/sanitizer-proofs.tap
docs-guest-tests: all $(guest_img)
	@VEMU_SRC=$(srcdir) VEMU_BUILD=$(builddir) sh $(srcdir)/tests/guest/compare.sh
docs-kvm-guests: all $(guest_img)
	@VEMU_SRC=$(srcdir) VEMU_BUILD=$(builddir) sh $(srcdir)/tests/guest/kvm-table.sh
-include $(wildcard obj/tests/guest/*.d obj/tests/guest/lib/*.d)
else
TESTS_guest += skip:the_guest_tests_are_built_on_an_x86-64_host
endif
