/*
 * State tables: every device declares its migratable fields once, in one const table. Save, load,
 * round-trip tests and state fuzzing are walks over that table, one walk for both directions.
 *
 * Stream form: sections {name, instance, version, length, field bytes}, little-endian, closed by an
 * end section with a checksum. On load every index and length is validated like any hostile input:
 * a section that is unknown, of an unknown version or of the wrong length is refused with an error
 * and the machine is left stopped and reset.
 */
#ifndef CORE_STATE_STATE_H
#define CORE_STATE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vemu_error;
struct timer;

enum state_kind {
    STATE_U8,
    STATE_U16,
    STATE_U32,
    STATE_U64,
    STATE_BOOL,
    STATE_BYTES,  /* fixed-size array of `count` bytes */
    STATE_TIMER,  /* a struct timer: its deadline */
    STATE_STRUCT, /* `count` embedded structs of `elem_size`, described by `fields` */
    STATE_TAIL,   /* what has no fixed size: the rest of the section, by `tail`; a table's last */
    STATE_END,
};

/* What a guest has made as many of as it liked. obj is the member that the table names. */
struct state_tail {
    /* Its bytes in the stream now, and they themselves. */
    uint64_t (*size)(const void *obj);
    void (*save)(const void *obj, uint8_t *out);
    /* Takes over all of [in, in + len), which is as hostile as any input. obj NULL: only checks
     * what the bytes alone tell. */
    bool (*load)(void *obj, const uint8_t *in, uint64_t len, struct vemu_error **errp);
};

struct state_field {
    const char *name;
    enum state_kind kind;
    uint32_t offset;                  /* in the device's struct */
    uint32_t count;                   /* array elements; 1 for a scalar */
    uint32_t elem_size;               /* STATE_STRUCT: stride; else derived */
    uint64_t max;                     /* integer kinds: largest value accepted on load; 0: any */
    const struct state_field *fields; /* STATE_STRUCT */
    const struct state_tail *tail;    /* STATE_TAIL */
};

#define STATE_FIELD(kind_, type, member, ...)                                                      \
    {                                                                                              \
        .name = #member, .kind = (kind_), .offset = offsetof(type, member), .count = 1,            \
        __VA_ARGS__                                                                                \
    }
/* STATE_INT(struct pit, latch): an integer field, kind by its size; arrays of integers likewise. */
#define STATE_INT(type, member, ...)                                                               \
    {                                                                                              \
        .name = #member,                                                                           \
        .kind = sizeof(((type *)0)->member) == 1   ? STATE_U8                                      \
                : sizeof(((type *)0)->member) == 2 ? STATE_U16                                     \
                : sizeof(((type *)0)->member) == 4 ? STATE_U32                                     \
                                                   : STATE_U64,                                    \
        .offset = offsetof(type, member), .count = 1, __VA_ARGS__                                  \
    }
#define STATE_INT_ARRAY(type, member, ...)                                                         \
    {                                                                                              \
        .name = #member,                                                                           \
        .kind = sizeof(((type *)0)->member[0]) == 1   ? STATE_U8                                   \
                : sizeof(((type *)0)->member[0]) == 2 ? STATE_U16                                  \
                : sizeof(((type *)0)->member[0]) == 4 ? STATE_U32                                  \
                                                      : STATE_U64,                                 \
        .offset = offsetof(type, member),                                                          \
        .count = sizeof(((type *)0)->member) / sizeof(((type *)0)->member[0]), __VA_ARGS__         \
    }
#define STATE_FLAG(type, member)                                                                   \
    {                                                                                              \
        .name = #member, .kind = STATE_BOOL, .offset = offsetof(type, member), .count = 1          \
    }
#define STATE_BUFFER(type, member)                                                                 \
    {                                                                                              \
        .name = #member, .kind = STATE_BYTES, .offset = offsetof(type, member),                    \
        .count = sizeof(((type *)0)->member)                                                       \
    }
#define STATE_DEADLINE(type, member)                                                               \
    {                                                                                              \
        .name = #member, .kind = STATE_TIMER, .offset = offsetof(type, member), .count = 1         \
    }
#define STATE_ARRAY_OF(type, member, table)                                                        \
    {                                                                                              \
        .name = #member, .kind = STATE_STRUCT, .offset = offsetof(type, member),                   \
        .count = sizeof(((type *)0)->member) / sizeof(((type *)0)->member[0]),                     \
        .elem_size = sizeof(((type *)0)->member[0]), .fields = (table)                             \
    }
#define STATE_NESTED(type, member, table)                                                          \
    {                                                                                              \
        .name = #member, .kind = STATE_STRUCT, .offset = offsetof(type, member), .count = 1,       \
        .elem_size = sizeof(((type *)0)->member), .fields = (table)                                \
    }
#define STATE_REST(type, member, tail_)                                                            \
    {                                                                                              \
        .name = #member, .kind = STATE_TAIL, .offset = offsetof(type, member), .tail = &(tail_)    \
    }
#define STATE_FIELDS_END                                                                           \
    {                                                                                              \
        .kind = STATE_END                                                                          \
    }

struct state_writer; /* appends to a growing buffer; state.c */
struct state_reader; /* bounded reads from a buffer */

struct state_writer *state_writer_new(void);
void state_writer_free(struct state_writer *w);
/* Writes one section; obj is the struct the table's offsets refer to. */
bool state_save_section(struct state_writer *w, const char *name, uint32_t instance,
                        uint32_t version, const struct state_field *fields, const void *obj);
bool state_save_blob(struct state_writer *w, const char *name, uint32_t instance, uint32_t version,
                     const void *data, uint64_t len);
/* The same piece by piece, for what is not in one buffer. Failures are remembered: only the end
 * tells.
 */
void state_begin_section(struct state_writer *w, const char *name, uint32_t instance,
                         uint32_t version);
void state_append(struct state_writer *w, const void *data, uint64_t len);
bool state_end_section(struct state_writer *w);
/* Closes with the end section; *data stays owned by w. */
bool state_writer_finish(struct state_writer *w, const void **data, size_t *len);

/* Checks magic, version, the framing of every section and the checksum; data must outlive the
 * reader. */
struct state_reader *state_reader_new(const void *data, size_t len, struct vemu_error **errp);
void state_reader_free(struct state_reader *r);
struct state_section {
    char name[64];
    uint32_t instance, version;
    const uint8_t *data;
    uint64_t len;
};
/* Next section; false at the end (no error) or on a malformed stream (error set). */
bool state_reader_next(struct state_reader *r, struct state_section *s, struct vemu_error **errp);
/* The checks of state_load_section without filling anything. */
bool state_check_section(const struct state_section *s, uint32_t version,
                         const struct state_field *fields, struct vemu_error **errp);
/* Fills obj from the section by the table; checks version, length, `max` and BOOL values first: on
 * failure obj is unchanged, but for what a tail takes over. */
bool state_load_section(const struct state_section *s, uint32_t version,
                        const struct state_field *fields, void *obj, struct vemu_error **errp);
/* The checksum of the end section, over everything before its value. */
uint64_t state_checksum(const void *data, size_t len);

#endif
