/*
 * Linux's calls for a VMM that runs as Wasm on Vitrine: each is an import of the module "vitrine", which returns a
 * number or a negative errno of Linux. fds 0, 1 and 2 stay WASI's.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>
#include <wasi/api.h>

#include "include/poll.h"
#include "include/sys/eventfd.h"
#include "include/sys/ioctl.h"
#include "include/sys/mman.h"

#define IMPORT(name) __attribute__((import_module("vitrine"), import_name(#name)))

IMPORT(open) int32_t vitrine_open(const char *path);
IMPORT(close) int32_t vitrine_close(int32_t fd);
IMPORT(dup) int32_t vitrine_dup(int32_t fd);
IMPORT(ioctl) int32_t vitrine_ioctl(int32_t fd, uint32_t request, uintptr_t argument);
IMPORT(mmap) int32_t vitrine_mmap(size_t length, int32_t flags, int32_t fd, uint32_t offset);
IMPORT(munmap) int32_t vitrine_munmap(void *address, size_t length);
IMPORT(eventfd) int32_t vitrine_eventfd(uint32_t initial, int32_t flags);
IMPORT(read) int32_t vitrine_read(int32_t fd, void *data, size_t length);
IMPORT(pread) int32_t vitrine_pread(int32_t fd, void *data, size_t length, uint32_t position);
IMPORT(write) int32_t vitrine_write(int32_t fd, const void *data, size_t length);
IMPORT(poll) int32_t vitrine_poll(struct pollfd *fds, uint32_t count, int32_t milliseconds);

/* Linux's errno numbers that these calls give, in wasi-libc's numbers. */
static const struct {
	int linux_number;
	int number;
} ERRNOS[] = {
	{ 1, EPERM },	  { 2, ENOENT },   { 4, EINTR },   { 5, EIO },	    { 6, ENXIO },   { 7, E2BIG },
	{ 9, EBADF },	  { 11, EAGAIN },  { 12, ENOMEM }, { 13, EACCES },  { 14, EFAULT }, { 16, EBUSY },
	{ 17, EEXIST },	  { 18, EXDEV },   { 19, ENODEV }, { 22, EINVAL },  { 23, ENFILE }, { 24, EMFILE },
	{ 25, ENOTTY },	  { 28, ENOSPC },  { 29, ESPIPE }, { 34, ERANGE },  { 38, ENOSYS }, { 75, EOVERFLOW },
	{ 95, EOPNOTSUPP }, { 110, ETIMEDOUT },
};

/* Small negative numbers are errors; addresses above 2 GiB are negative too, but far from 0. */
static int failed(int32_t result)
{
	if (result >= 0 || result < -4095)
		return 0;
	errno = EIO;
	for (size_t n = 0; n < sizeof(ERRNOS) / sizeof(ERRNOS[0]); n++)
		if (ERRNOS[n].linux_number == -result)
			errno = ERRNOS[n].number;
	return 1;
}

static int answer(int32_t result)
{
	return failed(result) ? -1 : result;
}

static int is_standard(int fd)
{
	return fd >= 0 && fd <= 2;
}

/* malloc takes what follows the program's data as its heap, and it must do so before the machine grows the memory. */
__attribute__((constructor)) static void take_heap(void)
{
	free(malloc(1));
}

int open(const char *path, int flags, ...)
{
	(void)flags;
	return answer(vitrine_open(path));
}

int close(int fd)
{
	if (!is_standard(fd))
		return answer(vitrine_close(fd));
	errno = __wasi_fd_close((__wasi_fd_t)fd);
	return errno ? -1 : 0;
}

int dup(int fd)
{
	return answer(vitrine_dup(fd));
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	uintptr_t argument;

	va_start(arguments, request);
	argument = va_arg(arguments, uintptr_t);
	va_end(arguments);
	return answer(vitrine_ioctl(fd, (uint32_t)request, argument));
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	int32_t result;

	(void)address;
	(void)protection;
	if (offset < 0 || offset > UINT32_MAX) {
		errno = EINVAL;
		return MAP_FAILED;
	}
	result = vitrine_mmap(length, flags, fd, (uint32_t)offset);
	return failed(result) ? MAP_FAILED : (void *)(uintptr_t)result;
}

int munmap(void *address, size_t length)
{
	return answer(vitrine_munmap(address, length));
}

int eventfd(unsigned int initial, int flags)
{
	return answer(vitrine_eventfd(initial, flags));
}

int eventfd_read(int fd, eventfd_t *value)
{
	return answer(vitrine_read(fd, value, sizeof(*value))) == sizeof(*value) ? 0 : -1;
}

int eventfd_write(int fd, eventfd_t value)
{
	return answer(vitrine_write(fd, &value, sizeof(value))) == sizeof(value) ? 0 : -1;
}

ssize_t read(int fd, void *data, size_t length)
{
	__wasi_iovec_t vector = { .buf = data, .buf_len = length };
	size_t done = 0;

	if (!is_standard(fd))
		return answer(vitrine_read(fd, data, length));
	errno = __wasi_fd_read((__wasi_fd_t)fd, &vector, 1, &done);
	return errno ? -1 : (ssize_t)done;
}

ssize_t pread(int fd, void *data, size_t length, off_t position)
{
	if (position < 0 || position > UINT32_MAX) {
		errno = EINVAL;
		return -1;
	}
	return answer(vitrine_pread(fd, data, length, (uint32_t)position));
}

ssize_t write(int fd, const void *data, size_t length)
{
	__wasi_ciovec_t vector = { .buf = data, .buf_len = length };
	size_t done = 0;

	if (!is_standard(fd))
		return answer(vitrine_write(fd, data, length));
	errno = __wasi_fd_write((__wasi_fd_t)fd, &vector, 1, &done);
	return errno ? -1 : (ssize_t)done;
}

int poll(struct pollfd *fds, nfds_t count, int milliseconds)
{
	return answer(vitrine_poll(fds, count, milliseconds));
}
