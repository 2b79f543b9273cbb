/* ELF executables for direct boot: loadable segments at their physical addresses. */
#ifndef HW_BOOT_ELF_H
#define HW_BOOT_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct boot_image;
struct vemu_error;

/* What kernels a machine takes. */
struct elf_wanted {
    uint16_t machines[2]; /* e_machine */
    const char *what;     /* "an x86 kernel" */
};

struct elf_image {
    uint64_t entry;
    uint64_t low, high; /* physical extent of the segments */
    uint16_t machine;
};

bool elf_is(const uint8_t *data, size_t len);
/* Loads image->kernel. */
bool elf_load(struct boot_image *image, const struct elf_wanted *wanted, struct elf_image *elf,
              struct vemu_error **errp);
/* The first 32 bits of the note of that name (4 bytes with its end) and type. */
bool elf_find_note(const uint8_t *data, size_t len, const char name[4], uint32_t type,
                   uint32_t *value);

#endif
