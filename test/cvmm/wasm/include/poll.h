/* poll with Linux's events. */
#ifndef VITRINE_POLL_H
#define VITRINE_POLL_H

#define POLLIN 0x1
#define POLLOUT 0x4
#define POLLNVAL 0x20

typedef unsigned long nfds_t;

struct pollfd {
	int fd;
	short events;
	short revents;
};

int poll(struct pollfd *fds, nfds_t count, int milliseconds);

#endif
