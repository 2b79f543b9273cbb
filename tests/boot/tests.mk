# Stock kernels to their shell and to power-off.
#   make icount-boots       counted execution, three boots in each tier; likewise
#   make disk-kill [DISK_KILLS=100 DISK_SEED=1]  the emulator is killed while the guest writes; likewise
#   make boot-loop [BOOT_COUNT=50 BOOT_FEW=5]    the long run; its last result is in docs/status.md
TESTS_boot += $(srcdir)/tests/boot/boots.sh $(srcdir)/tests/boot/saved_translations.sh
TESTS_boot += $(srcdir)/tests/boot/quickstart.sh
TESTS_boot += $(srcdir)/tests/boot/disks.sh tests/boot/saved_state
TESTS_boot += $(srcdir)/tests/boot/firmware.sh $(srcdir)/tests/boot/boot_order.sh
TESTS_boot += tests/boot/screen $(srcdir)/tests/boot/networks.sh
TIMEOUT_boot := 600
check-boot check-programs: guests $(GUESTS)/amd64/initrd-disk $(GUESTS)/amd64/initrd-network

BOOT_COUNT ?= 50
BOOT_FEW ?= 5
DISK_KILLS ?= 100
DISK_SEED ?= 1
.PHONY: boot-loop disk-kill icount-boots
disk-kill: all guests $(GUESTS)/amd64/initrd-disk
	@VEMU_SRC=$(srcdir) VEMU_BUILD=$(builddir) VEMU_GUESTS=$(GUESTS) \
	    sh $(srcdir)/tests/boot/disk_kill.sh $(DISK_KILLS) $(DISK_SEED)
icount-boots: all guests
	@VEMU_SRC=$(srcdir) VEMU_BUILD=$(builddir) VEMU_GUESTS=$(GUESTS) \
	    sh $(srcdir)/tests/boot/icount.sh
boot-loop: all guests
	@VEMU_SRC=$(srcdir) VEMU_BUILD=$(builddir) VEMU_GUESTS=$(GUESTS) \
	    sh $(srcdir)/tests/boot/loop.sh $(BOOT_COUNT) $(BOOT_FEW)

tests/boot/saved_state tests/boot/screen: tests/boot/%: obj/tests/boot/%.o $(archives)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) -o $@ $(LDFLAGS_ALL) $< -Wl,--start-group $(archives) -Wl,--end-group $(LIBS)
test_obj += obj/tests/boot/saved_state.o obj/tests/boot/screen.o
