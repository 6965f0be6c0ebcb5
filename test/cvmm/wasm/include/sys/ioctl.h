/* ioctl as Linux declares it: requests are unsigned, KVM's use all 32 bits. */
#ifndef VITRINE_SYS_IOCTL_H
#define VITRINE_SYS_IOCTL_H

int ioctl(int fd, unsigned long request, ...);

#endif
