/* See elf.h. System V ABI, chapters "Object Files" and "Program Loading". */
#include "hw/boot/elf.h"

#include <stdio.h>
#include <string.h>
#include "core/util/endian.h"
#include "core/util/range.h"
#include "hw/boot/image.h"

enum { EI_CLASS = 4, EI_DATA = 5, CLASS32 = 1, CLASS64 = 2, DATA_LSB = 1 };
enum { PT_LOAD = 1, PT_NOTE = 4, MAX_SEGMENTS = 256 };

struct segment {
    uint32_t type;
    uint64_t offset, paddr, filesz, memsz, align;
};

bool elf_is(const uint8_t *data, size_t len)
{
    return len >= 52 && !memcmp(data, "\177ELF", 4) && data[EI_DATA] == DATA_LSB &&
           (data[EI_CLASS] == CLASS32 || (data[EI_CLASS] == CLASS64 && len >= 64));
}

static unsigned segment_count(const uint8_t *data)
{
    return load_le16(data + (data[EI_CLASS] == CLASS64 ? 56 : 44));
}

/* Program header n; false: outside the file, or of an impossible size. */
static bool read_segment(const uint8_t *data, size_t len, unsigned n, struct segment *s)
{
    bool is64 = data[EI_CLASS] == CLASS64;
    uint64_t phoff = is64 ? load_le64(data + 32) : load_le32(data + 28);
    unsigned entsize = load_le16(data + (is64 ? 54 : 42));
    uint64_t skip = (uint64_t)n * entsize;

    if (entsize < (is64 ? 56u : 32u) || phoff > len || !range_fits(skip, entsize, len - phoff))
        return false;
    const uint8_t *p = data + phoff + skip;
    s->type = load_le32(p);
    if (is64) {
        s->offset = load_le64(p + 8);
        s->paddr = load_le64(p + 24);
        s->filesz = load_le64(p + 32);
        s->memsz = load_le64(p + 40);
        s->align = load_le64(p + 48);
    } else {
        s->offset = load_le32(p + 4);
        s->paddr = load_le32(p + 12);
        s->filesz = load_le32(p + 16);
        s->memsz = load_le32(p + 20);
        s->align = load_le32(p + 28);
    }
    return true;
}

static bool find_note(const uint8_t *p, uint64_t len, uint64_t align, const char name[4],
                      uint32_t type, uint32_t *value)
{
    align = align == 8 ? 8 : 4;
    while (len >= 12) {
        uint64_t namesz = load_le32(p), descsz = load_le32(p + 4);
        uint64_t desc = align_up(12 + namesz, align), next = align_up(desc + descsz, align);
        if (desc > len || descsz > len - desc)
            return false;
        if (load_le32(p + 8) == type && namesz == 4 && !memcmp(p + 12, name, 4) &&
            (descsz == 4 || descsz == 8)) {
            *value = load_le32(p + desc);
            return true;
        }
        if (next >= len)
            return false;
        p += next;
        len -= next;
    }
    return false;
}

bool elf_find_note(const uint8_t *data, size_t len, const char name[4], uint32_t type,
                   uint32_t *value)
{
    struct segment s;
    for (unsigned i = 0; i < MIN(segment_count(data), (unsigned)MAX_SEGMENTS); i++) {
        if (read_segment(data, len, i, &s) && s.type == PT_NOTE &&
            range_fits(s.offset, s.filesz, len) &&
            find_note(data + s.offset, s.filesz, s.align, name, type, value))
            return true;
    }
    return false;
}

bool elf_load(struct boot_image *image, const struct elf_wanted *wanted, struct elf_image *elf,
              struct vemu_error **errp)
{
    const uint8_t *data = image->kernel;
    size_t len = image->kernel_len;
    unsigned count = segment_count(data), machine = load_le16(data + 18);

    *elf = (struct elf_image){.low = UINT64_MAX, .machine = (uint16_t)machine};
    if (machine != wanted->machines[0] && machine != wanted->machines[1])
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "-kernel %s is an ELF file for machine type %u; %s is expected",
                         image->kernel_path, machine, wanted->what);
    if (count > MAX_SEGMENTS)
        return error_set(errp, VEMU_ERROR_FORMAT,
                         "-kernel %s has %u program headers; at most %d are expected",
                         image->kernel_path, count, MAX_SEGMENTS);
    for (unsigned i = 0; i < count; i++) {
        struct segment s;
        char subject[512];
        if (!read_segment(data, len, i, &s))
            return error_set(errp, VEMU_ERROR_FORMAT,
                             "-kernel %s is truncated: its program headers lie outside the file",
                             image->kernel_path);
        if (s.type != PT_LOAD || !s.memsz)
            continue;
        snprintf(subject, sizeof subject, "-kernel %s: program header %u", image->kernel_path, i);
        if (s.filesz > s.memsz)
            return error_set(errp, VEMU_ERROR_FORMAT,
                             "%s has 0x%llx bytes in the file but only 0x%llx in memory", subject,
                             (unsigned long long)s.filesz, (unsigned long long)s.memsz);
        if (!range_fits(s.offset, s.filesz, len))
            return error_set(errp, VEMU_ERROR_FORMAT,
                             "%s is cut off: it ends at 0x%llx, but the file has %zu bytes",
                             subject, (unsigned long long)(s.offset + s.filesz), len);
        if (!boot_add(image, subject, "kernel segment", s.paddr, s.memsz,
                      s.filesz ? data + s.offset : NULL, (size_t)s.filesz, NULL, errp))
            return false;
        elf->low = MIN(elf->low, s.paddr);
        elf->high = MAX(elf->high, s.paddr + s.memsz);
    }
    if (!elf->high)
        return error_set(errp, VEMU_ERROR_FORMAT, "-kernel %s has no loadable segment",
                         image->kernel_path);
    elf->entry = data[EI_CLASS] == CLASS64 ? load_le64(data + 24) : load_le32(data + 24);
    return true;
}
