/* irqfd and ioeventfd: an eventfd whose writes are interrupts, and one that a guest rings without leaving. */
#include <sys/eventfd.h>

#include "common.h"

#define LINE 5
#define PORT_TEXT 0x3f8
#define PORT_DOORBELL 0x20c0
#define PORT_END 0xf4

static void make_chips(struct machine *m)
{
	check(ioctl(m->vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
}

static void ring(int fd, uint64_t count)
{
	if (write(fd, &count, sizeof(count)) != sizeof(count))
		check(-1, "write of an eventfd");
}

int main(void)
{
	struct machine m;
	uint64_t rung = 0;

	make_machine(&m, guest_irq, sizeof(guest_irq), 0, make_chips);

	int interrupt = check(eventfd(0, 0), "eventfd");
	struct kvm_irqfd irqfd = { .fd = (__u32)interrupt, .gsi = LINE };
	check(ioctl(m.vm, KVM_IRQFD, &irqfd), "KVM_IRQFD");
	if (ioctl(m.vm, KVM_IRQFD, &irqfd) < 0)
		printf("the same eventfd again: %s\n", errno == EBUSY ? "EBUSY" : "?");

	int doorbell = check(eventfd(0, EFD_NONBLOCK), "eventfd");
	struct kvm_ioeventfd ioeventfd = {
		.addr = PORT_DOORBELL, .len = 1, .fd = doorbell, .flags = KVM_IOEVENTFD_FLAG_PIO
	};
	check(ioctl(m.vm, KVM_IOEVENTFD, &ioeventfd), "KVM_IOEVENTFD");
	if (ioctl(m.vm, KVM_IOEVENTFD, &ioeventfd) < 0)
		printf("the same doorbell again: %s\n", errno == EEXIST ? "EEXIST" : "?");

	for (;;) {
		uint32_t reason = run(&m);
		uint8_t letter;

		if (reason != KVM_EXIT_IO) {
			printf("exit %u\n", reason);
			return 1;
		}
		if (m.run->io.port == PORT_END)
			break;
		letter = ((uint8_t *)m.run)[m.run->io.data_offset];
		printf("port %x: %c\n", m.run->io.port, letter);
		if (letter == 'r')
			ring(interrupt, 1);
	}
	if (read(doorbell, &rung, sizeof(rung)) != sizeof(rung))
		check(-1, "read of the doorbell");
	printf("the doorbell was rung %llu times\n", (unsigned long long)rung);
	if (read(doorbell, &rung, sizeof(rung)) < 0)
		printf("and no more: %s\n", errno == EAGAIN ? "EAGAIN" : "?");

	ioeventfd.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	check(ioctl(m.vm, KVM_IOEVENTFD, &ioeventfd), "KVM_IOEVENTFD, deassign");
	if (ioctl(m.vm, KVM_IOEVENTFD, &ioeventfd) < 0)
		printf("gone: %s\n", errno == ENOENT ? "ENOENT" : "?");
	irqfd.flags = KVM_IRQFD_FLAG_DEASSIGN;
	check(ioctl(m.vm, KVM_IRQFD, &irqfd), "KVM_IRQFD, deassign");
	return 0;
}
