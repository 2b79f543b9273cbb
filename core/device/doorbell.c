/* See doorbell.h. */
#include "core/device/doorbell.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "core/device/machine.h"

static bool take(const struct doorbell *bell)
{
    eventfd_t times;

    return eventfd_read(bell->at.fd, &times) == 0;
}

static void answer(struct doorbell *bell)
{
    if (take(bell))
        bell->rung(bell->opaque);
}

static void readable(void *opaque, int fd, unsigned events)
{
    (void)fd, (void)events;
    answer(opaque);
}

bool doorbell_open(struct doorbell *bell, struct vemu_machine *m, struct mem_region *region,
                   void (*rung)(void *opaque), void *opaque)
{
    if (!m->rings_doorbells || bell->open)
        return bell->open;
    bell->machine = m;
    bell->rung = rung;
    bell->opaque = opaque;
    bell->at.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bell->at.fd < 0)
        return false;
    if (!loop_fd_set(m->loop, bell->at.fd, LOOP_READ, readable, bell, NULL)) {
        close(bell->at.fd);
        return false;
    }
    bell->open = true;
    list_add_tail(&m->doorbells, &bell->node);
    mem_doorbell_add(region, &bell->at);
    return true;
}

void doorbell_close(struct doorbell *bell)
{
    if (!bell->open)
        return;
    /* Rings no more, so that the last is the last; answering may close it, too. */
    mem_doorbell_remove(&bell->at);
    bell->open = false;
    list_remove(&bell->node);
    bool rung = take(bell);
    loop_fd_remove(bell->machine->loop, bell->at.fd);
    close(bell->at.fd);
    if (rung)
        bell->rung(bell->opaque);
}

void doorbells_answer(struct vemu_machine *m)
{
    bool again = true;

    /* What is rung opens and closes others: from the start after each. */
    while (again) {
        again = false;
        list_for_each(bell, &m->doorbells, struct doorbell, node)
        {
            if (!take(bell))
                continue;
            bell->rung(bell->opaque);
            again = true;
            break;
        }
    }
}
