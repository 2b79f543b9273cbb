/* Every board and device class there is. Adding one is a line here. */
#include "hw/board.h"

#include <stddef.h>
#include "hw/acpi/ged.h"
#include "hw/acpi/pci_hotplug.h"
#include "hw/arm/boards.h"
#include "hw/ata/ahci.h"
#include "hw/ata/ata.h"
#include "hw/ata/piix_ide.h"
#include "hw/block/nvme.h"
#include "hw/block/virtio_blk.h"
#include "hw/char/pl011.h"
#include "hw/char/uart16550.h"
#include "hw/char/virtio_serial.h"
#include "hw/display/bochs_display.h"
#include "hw/display/ramfb.h"
#include "hw/display/vga_pci.h"
#include "hw/display/virtio_gpu.h"
#include "hw/display/virtio_vga.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/firmware/pflash.h"
#include "hw/gpio/gpio_key.h"
#include "hw/gpio/pl061.h"
#include "hw/input/i8042.h"
#include "hw/input/virtio_input.h"
#include "hw/intc/apic_bus.h"
#include "hw/intc/gicv2.h"
#include "hw/intc/gicv3.h"
#include "hw/intc/gicv3_its.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/intc/lapic.h"
#include "hw/misc/debug_exit.h"
#include "hw/misc/debugcon.h"
#include "hw/misc/i8237.h"
#include "hw/misc/pc_testdev.h"
#include "hw/misc/ferr.h"
#include "hw/misc/port92.h"
#include "hw/misc/post_port.h"
#include "hw/misc/virtio_rng.h"
#include "hw/net/e1000.h"
#include "hw/net/virtio_net.h"
#include "hw/none_board.h"
#include "hw/pci/host_generic.h"
#include "hw/pci/host_x86.h"
#include "hw/pci/ich9.h"
#include "hw/pci/ich9_smbus.h"
#include "hw/pci/pci_testdev.h"
#include "hw/pci/piix.h"
#include "hw/pci/root_port.h"
#include "hw/timer/arm_timer.h"
#include "hw/timer/hpet.h"
#include "hw/timer/i8254.h"
#include "hw/timer/mc146818.h"
#include "hw/timer/pl031.h"
#include "hw/usb/hid.h"
#include "hw/usb/hub.h"
#include "hw/usb/xhci.h"
#include "hw/virtio/virtio_balloon.h"
#include "hw/x86/boards.h"
#include "hw/x86/irq_router.h"

/* The first is the default. */
const struct board_class *const board_classes[] = {
    &pc_board_class,   &q35_board_class,  &microvm_board_class,
    &virt_board_class, &none_board_class, NULL,
};

const struct device_class *const device_classes[] = {
    /* made by -device */
    &debug_exit_class,
    &debugcon_class,
    &pc_testdev_class,
    &pci_testdev_class,
    &ahci_class,
    &e1000_class,
    &ich9_ahci_class,
    &ide_cd_class,
    &ide_hd_class,
    &nec_usb_xhci_class,
    &nvme_class,
    &pcie_root_port_class,
    &piix3_ide_class,
    &piix4_ide_class,
    &qemu_xhci_class,
    &uart16550_class,
    &usb_hub_class.device,
    &usb_kbd_class.device,
    &usb_mouse_class.device,
    &usb_tablet_class.device,
    &virtio_balloon_device_class.device,
    &virtio_balloon_pci_class.device,
    &virtio_balloon_pci_transitional_class.device,
    &virtio_balloon_pci_non_transitional_class.device,
    &virtio_blk_device_class.device,
    &virtio_blk_pci_class.device,
    &virtio_blk_pci_transitional_class.device,
    &virtio_blk_pci_non_transitional_class.device,
    &virtio_gpu_device_class.device,
    &virtio_gpu_pci_class.device,
    &virtio_net_device_class.device,
    &virtio_net_pci_class.device,
    &virtio_net_pci_transitional_class.device,
    &virtio_net_pci_non_transitional_class.device,
    &virtconsole_class,
    &virtserialport_class,
    &virtio_serial_device_class.device,
    &virtio_serial_pci_class.device,
    &virtio_serial_pci_transitional_class.device,
    &virtio_serial_pci_non_transitional_class.device,
    &virtio_keyboard_device_class.device,
    &virtio_keyboard_pci_class.device,
    &virtio_mouse_device_class.device,
    &virtio_mouse_pci_class.device,
    &virtio_tablet_device_class.device,
    &virtio_tablet_pci_class.device,
    &virtio_rng_device_class.device,
    &virtio_rng_pci_class.device,
    &virtio_rng_pci_transitional_class.device,
    &virtio_rng_pci_non_transitional_class.device,
    &vga_pci_class,
    &virtio_vga_class.device,
    &bochs_display_class,
    &ramfb_class,
    /* made by boards */
    &acpi_pci_hotplug_class,
    &apic_bus_class,
    &arm_timer_class,
    &ferr_class,
    &fw_cfg_class,
    &ged_class,
    &gicv2_class,
    &gicv2m_class,
    &gicv3_class,
    &gicv3_its_class,
    &gpio_key_class,
    &hpet_class,
    &i8042_class,
    &i8237_class,
    &i8254_class,
    &i8259_class,
    &ich9_lpc_class,
    &ich9_smbus_class,
    &ioapic_class,
    &irq_router_class,
    &lapic_class,
    &mc146818_class,
    &pci_generic_host_class,
    &pci_generic_root_class,
    &pci_host_class,
    &pci_i440fx_class,
    &pci_q35_class,
    &pflash_class,
    &piix3_class,
    &piix4_pm_class,
    &pl011_class,
    &pl031_class,
    &pl061_class,
    &port92_class,
    &post_port_class,
    NULL,
};
