/*
 * A builder of ACPI machine language: terms are appended in order, packages with a length are
 * opened and closed. ACPI Specification 6.x, chapters "ACPI Machine Language (AML) Specification"
 * and "Device Configuration" (resource descriptors).
 *
 * The builder only grows; a failed allocation or a nesting error sticks and shows in aml_ok().
 * One thread at a time.
 */
#ifndef HW_ACPI_AML_H
#define HW_ACPI_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AML_MAX_DEPTH = 16 };

struct aml {
    uint8_t *data;
    size_t len, cap;
    bool failed;
    unsigned depth;
    size_t open[AML_MAX_DEPTH]; /* where each open package's length goes */
    size_t resources;           /* start of the open resource template's size, or 0 */
};

void aml_init(struct aml *a);
void aml_free(struct aml *a);
bool aml_ok(const struct aml *a);

/* Raw bytes, and opcodes that only take terms after them. */
void aml_bytes(struct aml *a, const void *data, size_t len);
enum aml_op {
    AML_ZERO = 0x00,
    AML_ONE = 0x01,
    AML_LOCAL0 = 0x60,
    AML_LOCAL1 = 0x61,
    AML_ARG0 = 0x68,
    AML_ARG1 = 0x69,
    AML_ARG3 = 0x6b,
    AML_STORE = 0x70,              /* source, target */
    AML_AND = 0x7b,                /* a, b, target */
    AML_OR = 0x7d,                 /* a, b, target */
    AML_NOTIFY = 0x86,             /* object, value */
    AML_LEQUAL = 0x93,             /* a, b */
    AML_RETURN = 0xa4,             /* value */
    AML_CREATE_DWORD_FIELD = 0x8a, /* buffer, byte index, name */
};
void aml_op(struct aml *a, enum aml_op op);

/* A name: "_HID", "\\_SB.PCI0", "^PRQA"; segments shorter than four are padded. */
void aml_path(struct aml *a, const char *path);
void aml_int(struct aml *a, uint64_t value);
void aml_string(struct aml *a, const char *text);
void aml_eisaid(struct aml *a, const char *id); /* "PNP0A03" */
void aml_buffer(struct aml *a, const void *data, uint8_t len);
/* Name (name, ...): the value follows. */
void aml_name(struct aml *a, const char *name);
void aml_name_int(struct aml *a, const char *name, uint64_t value);
void aml_name_eisaid(struct aml *a, const char *name, const char *id);

/* Packages with a length, each closed by aml_end. */
void aml_scope(struct aml *a, const char *path);
void aml_device(struct aml *a, const char *name);
void aml_method(struct aml *a, const char *name, unsigned args, bool serialized);
void aml_if(struct aml *a); /* the predicate follows */
void aml_else(struct aml *a);
void aml_package(struct aml *a, uint8_t elements);
void aml_end(struct aml *a);

void aml_mutex(struct aml *a, const char *name);
void aml_acquire(struct aml *a, const char *name); /* waits for ever */
void aml_release(struct aml *a, const char *name);

enum aml_region_space {
    AML_SYSTEM_MEMORY = 0,
    AML_SYSTEM_IO = 1,
    AML_PCI_CONFIG = 2,
};
void aml_op_region(struct aml *a, const char *name, enum aml_region_space space, uint64_t offset,
                   uint64_t len);
enum aml_field_access { AML_BYTE_ACC = 1, AML_WORD_ACC = 2, AML_DWORD_ACC = 3 };
void aml_field(struct aml *a, const char *region, enum aml_field_access access); /* aml_end */
void aml_field_unit(struct aml *a, const char *name, unsigned bits); /* NULL name: skip bits */

/* A resource template as a buffer; between these only resource descriptors. */
void aml_resources(struct aml *a);
void aml_resources_end(struct aml *a);
void aml_res_io(struct aml *a, uint16_t base, uint8_t len);
void aml_res_irq(struct aml *a, unsigned irq); /* edge, active high, exclusive */
void aml_res_memory32(struct aml *a, uint32_t base, uint32_t len, bool writable);
/* Level triggered, active high; shared says whether others may use the line too. */
void aml_res_interrupts(struct aml *a, const uint32_t *gsis, uint8_t count, bool shared);
/* What a bridge passes on (producer), first to last inclusive. */
void aml_res_bus_range(struct aml *a, uint16_t first, uint16_t last);
void aml_res_io_range(struct aml *a, uint16_t first, uint16_t last);
/* Ports that the processor finds in memory, the first at an address. */
void aml_res_io_window(struct aml *a, uint16_t first, uint16_t last, uint32_t address);
void aml_res_memory_range(struct aml *a, uint64_t first, uint64_t last);

#endif
