/* What the smaller programs share: a VM with 64 KiB of memory, a vCPU in real mode at 0x1000, and its run page. */
#ifndef COMMON_H
#define COMMON_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "guests/guests.h"

#define MEMORY_SIZE 0x10000
#define GUEST_START 0x1000

struct machine {
	int kvm;
	int vm;
	int vcpu;
	uint8_t *memory;
	struct kvm_run *run;
};

static inline int check(int result, const char *what)
{
	if (result < 0) {
		printf("%s: %s\n", what, strerror(errno));
		exit(1);
	}
	return result;
}

static inline void *check_map(void *address, const char *what)
{
	check(address == MAP_FAILED ? -1 : 0, what);
	return address;
}

/* Makes the machine with `flags` (KVM_MEM_*) for its memory. `prepare` runs before the vCPU is made. */
static inline void make_machine(struct machine *m, const unsigned char *guest, size_t size, uint32_t flags,
			 void (*prepare)(struct machine *))
{
	m->kvm = check(open("/dev/kvm", O_RDWR), "open /dev/kvm");
	m->vm = check(ioctl(m->kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	m->memory = check_map(
		mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), "mmap");
	memcpy(m->memory + GUEST_START, guest, size);

	struct kvm_userspace_memory_region region = {
		.flags = flags,
		.memory_size = MEMORY_SIZE,
		.userspace_addr = (uintptr_t)m->memory,
	};
	check(ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
	if (prepare)
		prepare(m);

	m->vcpu = check(ioctl(m->vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	m->run = check_map(mmap(NULL, (size_t)ioctl(m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
				MAP_SHARED, m->vcpu, 0),
			   "mmap of the vCPU");

	struct kvm_sregs sregs;
	check(ioctl(m->vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	check(ioctl(m->vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	struct kvm_regs regs = { .rip = GUEST_START, .rflags = 2 };
	check(ioctl(m->vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

/* A vCPU is what its CPUID says: it gets all that this KVM can do. */
static inline void copy_cpuid(struct machine *m)
{
	enum { ROOM = 256 };
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + ROOM * sizeof(cpuid->entries[0]));

	check(cpuid ? 0 : -1, "calloc");
	cpuid->nent = ROOM;
	check(ioctl(m->kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
	check(ioctl(m->vcpu, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
	free(cpuid);
}

/* Puts the vCPU into long mode: the first 2 MiB mapped to themselves by tables at 0x8000, flat segments. */
static inline void enter_long_mode(struct machine *m)
{
	uint64_t *pml4 = (uint64_t *)(m->memory + 0x8000);
	uint64_t *pdpt = (uint64_t *)(m->memory + 0x9000);
	uint64_t *pd = (uint64_t *)(m->memory + 0xa000);
	struct kvm_sregs sregs;

	pml4[0] = 0x9003;
	pdpt[0] = 0xa003;
	pd[0] = 0x83;

	copy_cpuid(m);
	check(ioctl(m->vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cr0 = 0x80000031;
	sregs.cr3 = 0x8000;
	sregs.cr4 = 0x20;
	sregs.efer = 0x500;
	sregs.cs = (struct kvm_segment){
		.limit = 0xffffffff, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1
	};
	sregs.ds = (struct kvm_segment){
		.limit = 0xffffffff, .selector = 16, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1
	};
	sregs.es = sregs.ss = sregs.fs = sregs.gs = sregs.ds;
	check(ioctl(m->vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
}

/* Runs until the next exit; its reason. */
static inline uint32_t run(struct machine *m)
{
	check(ioctl(m->vcpu, KVM_RUN, 0), "KVM_RUN");
	return m->run->exit_reason;
}

#endif
