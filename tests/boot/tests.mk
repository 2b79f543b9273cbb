# Stock kernels to their shell and to power-off.
#   make icount-boots       counted execution, three boots in each tier; likewise
#   make disk-kill [DISK_KILLS=100 DISK_SEED=1]  the emulator is killed while the guest writes; likewise
#   make debian-image [DEBIAN_ARCH=arm64]   an installed Debian 12 on a disk, as root; build/debian/debian.qcow2, or
#                           build/debian-arm64/debian.qcow2
#   make desktop-image     the same with Xfce; build/desktop/debian.qcow2
#   make desktop-proofs [DESKTOP_VIEWERS="viewer page"]   it is used through TigerVNC's viewer and a browser; minutes
#   make debian-boot [DEBIAN_ARCH=arm64 DEBIAN_BOOTS="uefi-virtio"]   it is booted, written to and looked at; likewise
#   make debian-screen [DEBIAN_ARCH=arm64]   it is used by `vemu run` and TigerVNC's viewer; likewise
#   make debian-install [DEBIAN_INSTALLS="bios uefi"]   a guest installs Debian over the network; likewise
#   make network-proofs     1 GiB through either card, and all of links.py; likewise
#   make viewer-proofs     TigerVNC, gvncviewer and Chromium with each authentication that they know; likewise
#   make boot-loop [BOOT_COUNT=50 BOOT_FEW=5]    the long run; its last result is in docs/status.md
TESTS_boot += $(srcdir)/tests/boot/boots.sh $(srcdir)/tests/boot/saved_translations.sh
TESTS_boot += $(srcdir)/tests/boot/quickstart.sh
TESTS_boot += $(srcdir)/tests/boot/disks.sh tests/boot/saved_state
TESTS_boot += $(srcdir)/tests/boot/firmware.sh $(srcdir)/tests/boot/boot_order.sh
TESTS_boot += $(srcdir)/tests/boot/arm64.sh $(srcdir)/tests/boot/armhf.sh
check-boot check-programs: $(GUESTS)/arm64/initrd-disk $(GUESTS)/arm64/initrd-input $(GUESTS)/armhf/initrd-disk $(GUESTS)/arm64/initrd-network
check-boot check-programs: $(GUESTS)/amd64/screens
# Without a network the test says what it lacks.
$(GUESTS)/amd64/screens:
	@sh $(srcdir)/tests/boot/fetch-screens.sh $(GUESTS) amd64 || true
TESTS_boot += tests/boot/screen tests/boot/firmware_screens $(srcdir)/tests/boot/networks.sh $(srcdir)/tests/boot/hotplug.sh
TESTS_boot += $(srcdir)/tests/boot/kvm.sh $(srcdir)/tests/boot/ide.sh $(srcdir)/tests/boot/virtio.sh
TESTS_boot += $(srcdir)/tests/boot/clipboard.sh
TESTS_boot += $(srcdir)/tests/boot/links.sh $(srcdir)/tests/boot/balloon.sh $(srcdir)/tests/boot/media.sh
ifeq ($(HOST_ARCH),x86_64)
TESTS_boot += tests/boot/gpu_pictures tests/boot/console tests/boot/continued
check-boot check-programs: tests/boot/continued.img
check-boot check-programs: $(GUESTS)/amd64/initrd-gpu
endif
TESTS_boot += $(srcdir)/tests/boot/input.sh $(srcdir)/tests/boot/window.sh
check-boot check-programs: $(GUESTS)/amd64/initrd-input
TESTS_boot += tests/boot/usb_input
check-boot check-programs: $(GUESTS)/amd64/initrd-usb
TIMEOUT_boot := 600
check-boot check-programs: guests $(GUESTS)/amd64/initrd-disk $(GUESTS)/amd64/initrd-network $(GUESTS)/amd64/initrd-virtio

BOOT_COUNT ?= 50
BOOT_FEW ?= 5
DISK_KILLS ?= 100
DISK_SEED ?= 1
DEBIAN_BOOTS ?=
DEBIAN_ARCH ?= amd64
debian_dir := debian$(if $(filter-out amd64,$(DEBIAN_ARCH)),-$(DEBIAN_ARCH))
DESKTOP_VIEWERS ?=
.PHONY: boot-loop disk-kill icount-boots network-proofs debian-image desktop-image desktop-proofs debian-boot debian-screen debian-install
# Packages of another architecture than this host's are installed inside a machine, by this kernel.
debian-image: all $(if $(filter-out amd64,$(DEBIAN_ARCH)),tools/mkinitramfs $(GUESTS)/$(DEBIAN_ARCH)/vmlinuz \
    $(GUESTS)/$(DEBIAN_ARCH)/initrd-disk)
	@VEMU_BUILD=$(builddir) VEMU_GUESTS=$(GUESTS) sh $(srcdir)/tests/boot/debian_image.sh $(debian_dir) system \
	    $(DEBIAN_ARCH)
desktop-image: all
	@VEMU_BUILD=$(builddir) sh $(srcdir)/tests/boot/debian_image.sh desktop desktop
# Its pictures, in desktop/pictures, are there to be looked at.
desktop-proofs: desktop-image
	@VEMU_BUILD=$(builddir) python3 $(srcdir)/tests/boot/desktop.py desktop/debian.qcow2 desktop/pictures \
	    $(DESKTOP_VIEWERS)
debian-boot: debian-image
	@VEMU_BUILD=$(builddir) ARCH=$(DEBIAN_ARCH) python3 $(srcdir)/tests/boot/debian_boot.py \
	    $(debian_dir)/debian.qcow2 $(DEBIAN_BOOTS)
# Its pictures, in debian/pictures, are there to be looked at. It needs what desktop-proofs needs for the viewer.
debian-screen: debian-image
	@VEMU_BUILD=$(builddir) ARCH=$(DEBIAN_ARCH) python3 $(srcdir)/tests/boot/debian_screen.py \
	    $(debian_dir)/debian.qcow2 $(debian_dir)/pictures
disk-kill: all guests $(GUESTS)/amd64/initrd-disk
	@VEMU_SRC=$(srcdir) VEMU_BUILD=$(builddir) VEMU_GUESTS=$(GUESTS) \
	    sh $(srcdir)/tests/boot/disk_kill.sh $(DISK_KILLS) $(DISK_SEED)
network-proofs: all guests $(GUESTS)/amd64/initrd-network
	@sh $(srcdir)/tests/boot/fetch-ssh.sh $(GUESTS) amd64
	@VEMU_SRC=$(srcdir) VEMU_BUILD=$(builddir) VEMU_GUESTS=$(GUESTS) NETWORK_BYTES=1073741824 BOOT_TIMEOUT=600 \
	    sh $(srcdir)/tests/boot/networks.sh
	@VEMU_SRC=$(srcdir) VEMU_BUILD=$(builddir) VEMU_GUESTS=$(GUESTS) \
	    sh $(srcdir)/tests/boot/links.sh user tap stream peer ssh
icount-boots: all guests
	@VEMU_SRC=$(srcdir) VEMU_BUILD=$(builddir) VEMU_GUESTS=$(GUESTS) \
	    sh $(srcdir)/tests/boot/icount.sh
DEBIAN_INSTALLS ?= bios
debian-install: debian-image
	@VEMU_BUILD=$(builddir) python3 $(srcdir)/tests/boot/debian_install.py debian/debian.qcow2 debian $(DEBIAN_INSTALLS)
# Needs tigervnc-viewer, tigervnc-tools, gvncviewer, chromium, xvfb, openbox, xdotool, imagemagick, openssl.
.PHONY: viewer-proofs
viewer-proofs: all
	@python3 $(srcdir)/tests/boot/viewers.py $(builddir)/vemu-system-x86_64 $(builddir)/viewers
boot-loop: all guests
	@VEMU_SRC=$(srcdir) VEMU_BUILD=$(builddir) VEMU_GUESTS=$(GUESTS) \
	    sh $(srcdir)/tests/boot/loop.sh $(BOOT_COUNT) $(BOOT_FEW)

# Runs in guests.
tests/boot/drm: $(srcdir)/tests/boot/drm.c
	@mkdir -p $(@D)
	$(call say,GUEST,$@)$(GUEST_CC) -std=gnu11 -O2 -Wall -Wextra -Werror -static -s -o $@ $<

boot_programs := $(addprefix tests/boot/,saved_state screen firmware_screens console gpu_pictures usb_input continued)
$(boot_programs): tests/boot/%: obj/tests/boot/%.o $(archives)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) -o $@ $(LDFLAGS_ALL) $< -Wl,--start-group $(archives) -Wl,--end-group $(LIBS)
test_obj += $(boot_programs:%=obj/%.o)
