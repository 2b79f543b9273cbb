/*
 * A device tree in the making, or one that is changed, by libfdt, which is opened when first used.
 * Failures are remembered: only the end tells. Devicetree Specification; the bindings are Linux'.
 */
#ifndef HW_ARM_DT_H
#define HW_ARM_DT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vemu_error;
struct dt;

enum { DT_SIZE_MAX = 1 << 20 };

/* An empty tree, to be filled from its root on. NULL: the library is not there, or no memory. */
struct dt *dt_new(struct vemu_error **errp);
/* A file's tree, of any content, to be changed; subject is for sentences ("-dtb FILE"). */
struct dt *dt_open(const char *subject, const void *data, size_t len, struct vemu_error **errp);
void dt_free(struct dt *dt);
/* The finished tree; *blob is malloc()ed. Frees dt. */
bool dt_finish(struct dt *dt, uint8_t **blob, uint32_t *len, struct vemu_error **errp);

/* ---- filling a new one: nodes in the order of the tree, properties before nodes ----------------
 */

void dt_begin(struct dt *dt, const char *name);
/* NAME@address */
void dt_begin_at(struct dt *dt, const char *name, uint64_t address);
void dt_end(struct dt *dt);
void dt_bytes(struct dt *dt, const char *prop, const void *data, size_t len);
void dt_empty(struct dt *dt, const char *prop);
void dt_string(struct dt *dt, const char *prop, const char *text);
/* several strings, each with its end but the last: "a\0b" */
#define dt_strings(dt_, prop_, text_) dt_bytes((dt_), (prop_), (text_), sizeof(text_))
void dt_u32(struct dt *dt, const char *prop, uint32_t value);
void dt_cells(struct dt *dt, const char *prop, const uint32_t *cells, unsigned count);
#define DT_CELLS(dt_, prop_, ...)                                                                  \
    dt_cells((dt_), (prop_), (const uint32_t[]){__VA_ARGS__},                                      \
             sizeof((const uint32_t[]){__VA_ARGS__}) / 4)
/* Two cells of a 64-bit number. */
#define DT_HIGH(v_) (uint32_t)((uint64_t)(v_) >> 32)
#define DT_CELLS64(v_) DT_HIGH(v_), (uint32_t)(v_)
/* reg, with two cells for addresses and two for sizes */
void dt_reg(struct dt *dt, uint64_t base, uint64_t size);

/* ---- changing one ------------------------------------------------------------------------------
 */

/* The property of the node at that path, which is made when it is not there; the parent is. */
void dt_set(struct dt *dt, const char *path, const char *prop, const void *data, size_t len);
bool dt_has(struct dt *dt, const char *path, const char *prop);
/* Other bytes for a property of a finished tree, as many as there are. False: it has none such. */
bool dt_replace(void *blob, const char *path, const char *prop, const void *data, size_t len);

#endif
