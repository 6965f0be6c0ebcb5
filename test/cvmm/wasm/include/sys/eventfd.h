/* eventfd with Linux's numbers. */
#ifndef VITRINE_SYS_EVENTFD_H
#define VITRINE_SYS_EVENTFD_H

#include <stdint.h>

#define EFD_SEMAPHORE 0x1
#define EFD_NONBLOCK 0x800
#define EFD_CLOEXEC 0x80000

typedef uint64_t eventfd_t;

int eventfd(unsigned int initial, int flags);
int eventfd_read(int fd, eventfd_t *value);
int eventfd_write(int fd, eventfd_t value);

#endif
