/*
 * Host code as text that depends on what the code does alone: no addresses, fields of the register
 * file and of the context by name, jumps to labels. The text is made by the guest's own decoder
 * (tcg/x86/decode.h), so it does not vary with a disassembler's version; what that does not know is
 * given as bytes.
 */
#ifndef TESTS_GOLDEN_LISTING_H
#define TESTS_GOLDEN_LISTING_H

#include "tcg/host/x86_64/cg.h"

struct host_size {
    unsigned insns, bytes;
};

/* A shared routine that some listing calls. */
struct listed_routine {
    char *name, *text;
};

struct listing {
    struct listed_routine *routines;
    unsigned routine_count;
};

void listing_free(struct listing *l);
/* The block's code, a line an instruction; its size is added to *size. To be freed. */
char *listing_text(struct listing *l, const struct tcg_cpu *tc, const struct tcg_block *b,
                   struct host_size *size);
/* What the routines that were called do, each once, in alphabetical order. */
void listing_print_routines(struct listing *l);

#endif
