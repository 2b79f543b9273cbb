/* How gdb sees a vCPU: see target.h. */
#include "core/gdb/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu/debug.h"

const struct gdb_target *gdb_target_of(struct vcpu *cpu)
{
    return cpu->arch == ARCH_ARM ? gdb_target_arm(cpu) : gdb_target_x86(cpu);
}

const struct gdb_register *gdb_target_register(const struct gdb_target *t, unsigned n)
{
    for (const struct gdb_register *reg = t->registers; reg->name; reg++) {
        if (reg->source && n-- == 0)
            return reg;
    }
    return NULL;
}

/* ---- the description ------------------------------------------------------------------------- */

char *gdb_target_xml(const struct gdb_target *t)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    bool open = false;

    if (!out)
        return NULL;
    fprintf(out,
            "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
            "<target version=\"1.0\"><architecture>%s</architecture>",
            t->architecture);
    for (const struct gdb_register *reg = t->registers; reg->name; reg++) {
        if (!reg->source) {
            fprintf(out, "%s<feature name=\"%s\">", open ? "</feature>" : "", reg->name);
            t->print_types(out, reg->name);
            open = true;
        } else {
            const char *type = strcmp(reg->type, "long") == 0 ? "int64" : reg->type;
            fprintf(out, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"%s/>", reg->name,
                    reg->size * 8u, type, strcmp(reg->type, "int") == 0 ? " group=\"float\"" : "");
        }
    }
    fprintf(out, "</feature></target>");
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* ---- values ---------------------------------------------------------------------------------- */

void gdb_register_read(struct vcpu *cpu, const struct gdb_register *reg, void *wire)
{
    const struct cpu_register *source = cpu_register_find(cpu->arch, reg->source);
    unsigned char bytes[CPU_REGISTER_MAX] = {0};

    if (source)
        cpu_register_read(cpu, source, bytes);
    memcpy(wire, bytes, reg->size);
}

bool gdb_register_write(struct vcpu *cpu, const struct gdb_register *reg, const void *wire)
{
    const struct cpu_register *source = cpu_register_find(cpu->arch, reg->source);
    unsigned char bytes[CPU_REGISTER_MAX] = {0};

    memcpy(bytes, wire, reg->size);
    return source && cpu_register_write(cpu, source, bytes, NULL);
}
