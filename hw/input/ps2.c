/* What PS/2 keyboards and mice share: see ps2.h. */
#include "hw/input/ps2.h"

void ps2_answer(struct ps2_port *p, uint8_t byte)
{
    if (ps2_room(&p->answers))
        ps2_put(&p->answers, byte);
}

void ps2_port_reset(struct ps2_port *p)
{
    p->answers = p->input = (struct ps2_queue){0};
    p->command = 0;
}

bool ps2_take(struct ps2_port *p, uint8_t *byte)
{
    struct ps2_queue *q = p->answers.count ? &p->answers : &p->input;

    if (!q->count)
        return false;
    *byte = p->last = q->data[q->head];
    q->head = (q->head + 1) % PS2_QUEUE_SIZE;
    q->count--;
    return true;
}

static const struct state_field queue_state[] = {
    STATE_BUFFER(struct ps2_queue, data),
    STATE_INT(struct ps2_queue, head, .max = PS2_QUEUE_SIZE - 1),
    STATE_INT(struct ps2_queue, count, .max = PS2_QUEUE_SIZE),
    STATE_FIELDS_END,
};
const struct state_field ps2_port_state[] = {
    STATE_NESTED(struct ps2_port, answers, queue_state),
    STATE_NESTED(struct ps2_port, input, queue_state),
    STATE_INT(struct ps2_port, last),
    STATE_INT(struct ps2_port, command),
    STATE_FIELDS_END,
};
