/* The one intrusive doubly linked list. A node removed with list_remove() may be re-added. */
#ifndef CORE_UTIL_LIST_H
#define CORE_UTIL_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *head)
{
    head->next = head->prev = head;
}
static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}
static inline void list_add_tail(struct list *head, struct list *node)
{
    node->next = head;
    node->prev = head->prev;
    head->prev->next = node;
    head->prev = node;
}
static inline void list_add_head(struct list *head, struct list *node)
{
    list_add_tail(head->next, node);
}
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = node;
}
#define list_entry(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))
#define list_for_each(var, head, type, member)                                                     \
    for (type *var = list_entry((head)->next, type, member); &var->member != (head);               \
         var = list_entry(var->member.next, type, member))
/* The body may remove or free var. */
#define list_for_each_safe(var, head, type, member)                                                \
    for (type *var = list_entry((head)->next, type, member),                                       \
              *var##_next = list_entry(var->member.next, type, member);                            \
         &var->member != (head);                                                                   \
         var = var##_next, var##_next = list_entry(var->member.next, type, member))

#endif
