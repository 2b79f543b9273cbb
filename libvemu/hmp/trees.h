/* Subjects of info that walk through the machine by themselves: see hmp.h. */
#ifndef LIBVEMU_HMP_TREES_H
#define LIBVEMU_HMP_TREES_H

#include "libvemu/hmp/hmp.h"

void info_mtree(struct hmp *h, char *args);
void info_pci(struct hmp *h, char *args);
void info_qtree(struct hmp *h, char *args);
void info_usb(struct hmp *h, char *args);

#endif
