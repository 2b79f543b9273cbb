/* Disassembly for the logs. See disas.h. */
#include "tcg/disas.h"

#include "config.h"
#include "core/util/library.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void log_bytes(struct log *log, enum log_category category, uint64_t address,
                      const uint8_t *code, size_t len, const char *text)
{
    char hex[64];
    int k = 0;
    for (size_t n = 0; n < len && n < 15; n++)
        k += snprintf(hex + k, sizeof hex - (size_t)k, "%02x ", code[n]);
    hex[k] = 0;
    log_write(log, category, "0x%016" PRIx64 "  %-32s %s", address, hex, text);
}

static void without_capstone(struct log *log, enum log_category category, unsigned bits,
                             uint64_t address, const uint8_t *code, size_t len,
                             disas_fallback mnemonic)
{
    char text[96];
    while (len) {
        unsigned n = mnemonic ? mnemonic(code, len, bits, address, text, sizeof text) : 0;
        if (!n || n > len) {
            n = len > 8 ? 8 : (unsigned)len;
            snprintf(text, sizeof text, "(bytes)");
        }
        log_bytes(log, category, address, code, n, text);
        code += n;
        len -= n;
        address += n;
    }
}

#if CONFIG_CAPSTONE
#include <capstone/capstone.h>

struct disas {
    void *library;
    cs_err (*open)(cs_arch, cs_mode, csh *);
    size_t (*disasm)(csh, const uint8_t *, size_t, uint64_t, size_t, cs_insn **);
    void (*free_insns)(cs_insn *, size_t);
    cs_err (*close)(csh *);
};

struct disas *disas_open(void)
{
    struct disas *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->library = dlopen(CONFIG_CAPSTONE_SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!d->library || !library_symbol(d->library, "cs_open", &d->open) ||
        !library_symbol(d->library, "cs_disasm", &d->disasm) ||
        !library_symbol(d->library, "cs_free", &d->free_insns) ||
        !library_symbol(d->library, "cs_close", &d->close)) {
        disas_close(d);
        return NULL;
    }
    return d;
}

void disas_close(struct disas *d)
{
    if (!d)
        return;
    if (d->library)
        dlclose(d->library);
    free(d);
}

static bool open_for(struct disas *d, enum cpu_arch arch, unsigned bits, csh *handle)
{
    if (arch == ARCH_X86)
        return d->open(CS_ARCH_X86,
                       bits == 16   ? CS_MODE_16
                       : bits == 32 ? CS_MODE_32
                                    : CS_MODE_64,
                       handle) == CS_ERR_OK;
    if (bits == 64)
        return d->open(CS_ARCH_ARM64, CS_MODE_ARM, handle) == CS_ERR_OK;
    return d->open(CS_ARCH_ARM, bits == 16 ? CS_MODE_THUMB : CS_MODE_ARM, handle) == CS_ERR_OK;
}

void disas_code(struct disas *d, struct log *log, enum log_category category, enum cpu_arch arch,
                unsigned bits, uint64_t address, const void *code, size_t len,
                disas_fallback mnemonic)
{
    const uint8_t *p = code;
    csh handle;
    if (!d || !open_for(d, arch, bits, &handle)) {
        without_capstone(log, category, bits, address, p, len, mnemonic);
        return;
    }
    while (len) {
        cs_insn *insns = NULL;
        size_t count = d->disasm(handle, p, len, address, 0, &insns), used = 0;
        for (size_t n = 0; n < count; n++) {
            char text[208];
            snprintf(text, sizeof text, "%s %s", insns[n].mnemonic, insns[n].op_str);
            log_bytes(log, category, address + used, p + used, insns[n].size, text);
            used += insns[n].size;
        }
        if (insns)
            d->free_insns(insns, count);
        p += used;
        len -= used;
        address += used;
        if (len) { /* something it does not know */
            char text[96];
            unsigned n = mnemonic ? mnemonic(p, len, bits, address, text, sizeof text) : 0;
            if (!n || n > len) {
                n = 1;
                snprintf(text, sizeof text, "(bytes)");
            }
            log_bytes(log, category, address, p, n, text);
            p += n;
            len -= n;
            address += n;
        }
    }
    d->close(&handle);
}
#else
struct disas *disas_open(void)
{
    return NULL;
}

void disas_close(struct disas *d)
{
    (void)d;
}

void disas_code(struct disas *d, struct log *log, enum log_category category, enum cpu_arch arch,
                unsigned bits, uint64_t address, const void *code, size_t len,
                disas_fallback mnemonic)
{
    (void)d;
    (void)arch;
    without_capstone(log, category, bits, address, code, len, mnemonic);
}
#endif
