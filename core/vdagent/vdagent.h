/*
 * The host's end of the SPICE agent protocol, spoken with the program spice-vdagent in a guest:
 * text goes between its clipboard and the machine's (core/display/clipboard.h), a size that a
 * viewer asks for becomes the desktop's (core/display), and, if wanted, the agent moves the guest's
 * pointer (core/input). Structures and numbers are those of spice-protocol 0.14.3 (vd_agent.h).
 *
 * It is a stream of bytes in each direction: what the guest sends is handed in, in pieces of any
 * size; what is to be sent is fetched when there is room for it. What is to be said is kept as
 * state and becomes bytes when the message before it is fetched, so that a guest that never reads
 * costs one message. A guest may send anything: no message is held beyond what its kind may need,
 * and what is unknown or malformed is skipped.
 *
 * Everything with the machine lock held, the callback as well.
 */
#ifndef CORE_VDAGENT_VDAGENT_H
#define CORE_VDAGENT_VDAGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vdagent;
struct vemu_error;
struct vemu_machine;

struct vdagent_config {
    bool clipboard, mouse;
    /* There is something to fetch. Never called by vdagent_take. */
    void (*news)(void *opaque);
    void *opaque;
};

/* NULL: out of memory. */
struct vdagent *vdagent_new(struct vemu_machine *m, const struct vdagent_config *cfg);
void vdagent_free(struct vdagent *v);
/* The guest's program opened its end, and a conversation begins, or it closed it. */
void vdagent_set_open(struct vdagent *v, bool open);
/* Bytes from the guest; all are taken. Without a conversation they are dropped. */
void vdagent_receive(struct vdagent *v, const uint8_t *data, size_t len);
/* Fetches up to len bytes for the guest; 0: nothing is to be said. */
size_t vdagent_take(struct vdagent *v, uint8_t *buf, size_t len);

/*
 * State: the messages under way in either direction, and who has text. What is in `unsent` was
 * fetched and did not reach the guest yet. The conversation that is opened after a load goes on in
 * the middle of them; then capabilities are exchanged again, as after any other opening.
 */
uint64_t vdagent_state_size(const struct vdagent *v, size_t unsent_len);
void vdagent_state_save(const struct vdagent *v, const uint8_t *unsent, size_t unsent_len,
                        uint8_t *out);
/* v NULL: only checks the bytes. */
bool vdagent_state_load(struct vdagent *v, const uint8_t *in, uint64_t len,
                        struct vemu_error **errp);

#endif
