/* Which RAM gets huge pages of the host. See huge.h. */
#include "tcg/mmu/huge.h"

#include "tcg/machine.h"

/* Values of ram_block.heat: samples, then what became of them. Putting 2 MiB together costs one to
 * several milliseconds, which about as many misses win back. */
enum { HEAT_WANTED = 128, HEAT_QUEUED, HEAT_DONE };

static void set_heat(struct ram_block *ram, uint64_t offset, unsigned heat)
{
    __atomic_store_n(&ram->heat[offset >> MEM_HUGE_BITS], (uint8_t)heat, __ATOMIC_RELAXED);
}

void huge_sample(struct tcg_machine *tm, struct ram_block *ram, uint64_t offset)
{
    struct tcg_huge *h = &tm->huge;
    const unsigned heat = __atomic_load_n(&ram->heat[offset >> MEM_HUGE_BITS], __ATOMIC_RELAXED);
    if (!h->on)
        return;
    if (heat < HEAT_WANTED) {
        set_heat(ram, offset, heat + 1);
        return;
    }
    if (heat > HEAT_WANTED || pthread_mutex_trylock(&h->lock))
        return;
    if (h->count < HUGE_QUEUE) { /* else the next sample tries again */
        h->queue[h->count] = (struct huge_wanted){ram, offset >> MEM_HUGE_BITS << MEM_HUGE_BITS};
        __atomic_store_n(&h->count, h->count + 1, __ATOMIC_RELAXED);
        set_heat(ram, offset, HEAT_QUEUED);
    }
    pthread_mutex_unlock(&h->lock);
}

/* Takes the piece out of the queue. false: it is not there, or too little of it is in use. */
static bool take(struct tcg_huge *h, struct ram_block *ram, uint64_t offset)
{
    for (unsigned n = 0; n < h->count; n++) {
        if (h->queue[n].ram != ram || h->queue[n].offset != offset)
            continue;
        h->queue[n] = h->queue[h->count - 1];
        __atomic_store_n(&h->count, h->count - 1, __ATOMIC_RELAXED);
        if (ram_block_in_use(ram, offset))
            return true;
        h->sparse++;
        set_heat(ram, offset, 0);
        return false;
    }
    return false;
}

/* A piece that is not in use enough, or that the host had no page for, may come back. */
static void make(struct tcg_huge *h, struct ram_block *ram, uint64_t start, uint64_t end)
{
    const bool done = ram_block_make_huge(ram, start, end - start);
    const uint64_t pieces = (end - start) >> MEM_HUGE_BITS;
    *(done ? &h->made : &h->failed) += pieces;
    for (; start < end; start += MEM_HUGE_SIZE)
        set_heat(ram, start, done ? HEAT_DONE : 0);
}

bool huge_work(struct tcg_machine *tm)
{
    struct tcg_huge *h = &tm->huge;
    if (!__atomic_load_n(&h->count, __ATOMIC_RELAXED))
        return false;
    pthread_mutex_lock(&h->lock);
    if (h->count) {
        struct ram_block *ram = h->queue[0].ram;
        uint64_t start = h->queue[0].offset, end = start;
        while (take(h, ram, end))
            end += MEM_HUGE_SIZE;
        while (start && take(h, ram, start - MEM_HUGE_SIZE))
            start -= MEM_HUGE_SIZE;
        if (end > start)
            make(h, ram, start, end);
    }
    pthread_mutex_unlock(&h->lock);
    return true;
}

void huge_ram_freed(struct tcg_machine *tm, const struct ram_block *ram)
{
    struct tcg_huge *h = &tm->huge;
    unsigned kept = 0;
    pthread_mutex_lock(&h->lock);
    for (unsigned n = 0; n < h->count; n++)
        if (h->queue[n].ram != ram)
            h->queue[kept++] = h->queue[n];
    __atomic_store_n(&h->count, kept, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&h->lock);
}
