/*
 * A small VMM. It opens /dev/kvm, makes a VM with a megabyte of memory and one vCPU, and runs a guest that goes through
 * real, protected, paged and long mode; each exit is handled in one switch.
 *
 * The same source runs on Linux's KVM (gcc) and on Vitrine (clang for wasm32, see README.md).
 */
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

#define MEMORY_SIZE 0x100000
#define GUEST_START 0x1000

#define PORT_TEXT 0x3f8
#define PORT_LETTER 0x10
#define PORT_SKIP_PAGED 0x11
#define DEVICE 0xd0000000u

/* Set by the argument --skip-paged: some KVMs cannot run 32-bit code with paging. */
static int skip_paged;

static void check(int result, const char *what)
{
	if (result >= 0)
		return;
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

/* The VMM's device: a register of 32 bits that answers with its complement. */
static uint32_t device_register;

static const char *mode_of(int vcpu)
{
	struct kvm_sregs sregs;

	check(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	if (sregs.efer & 0x400)
		return "long";
	if (sregs.cr0 & 0x80000000)
		return "paged";
	return sregs.cr0 & 1 ? "protected" : "real";
}

/* Text of the guest, a line at a time, with the mode that the vCPU is in. */
static void put_letter(int vcpu, char letter)
{
	static char line[128];
	static unsigned int length;

	if (letter != '\n') {
		if (length < sizeof(line) - 1)
			line[length++] = letter;
		return;
	}
	line[length] = 0;
	printf("%-9s | %s\n", mode_of(vcpu), line);
	length = 0;
}

static void handle_io(int vcpu, struct kvm_run *run)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	uint32_t bytes = run->io.size * run->io.count;

	if (run->io.direction == KVM_EXIT_IO_OUT && run->io.port == PORT_TEXT) {
		for (uint32_t n = 0; n < bytes; n++)
			put_letter(vcpu, (char)data[n]);
	} else if (run->io.direction == KVM_EXIT_IO_IN && run->io.port == PORT_LETTER) {
		memset(data, 'V', bytes);
	} else if (run->io.direction == KVM_EXIT_IO_IN && run->io.port == PORT_SKIP_PAGED) {
		memset(data, skip_paged, bytes);
	} else {
		printf("nobody answers at port 0x%x\n", run->io.port);
		exit(1);
	}
}

static void handle_mmio(struct kvm_run *run)
{
	uint32_t value;

	if (run->mmio.phys_addr != DEVICE || run->mmio.len != sizeof(value)) {
		printf("nobody answers at 0x%llx\n", (unsigned long long)run->mmio.phys_addr);
		exit(1);
	}
	if (run->mmio.is_write) {
		memcpy(&device_register, run->mmio.data, sizeof(device_register));
		printf("          | device: 0x%08x written\n", device_register);
		return;
	}
	value = ~device_register;
	memcpy(run->mmio.data, &value, sizeof(value));
	printf("          | device: 0x%08x read\n", value);
}

/* Runs the guest until it halts. */
static void run_guest(int vcpu, struct kvm_run *run)
{
	for (;;) {
		check(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
		switch (run->exit_reason) {
		case KVM_EXIT_IO:
			handle_io(vcpu, run);
			break;
		case KVM_EXIT_MMIO:
			handle_mmio(run);
			break;
		case KVM_EXIT_HLT:
			return;
		default:
			printf("exit reason %u was not expected\n", run->exit_reason);
			exit(1);
		}
	}
}

static void print_registers(int vcpu)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	check(ioctl(vcpu, KVM_GET_REGS, &r), "KVM_GET_REGS");
	check(ioctl(vcpu, KVM_GET_SREGS, &s), "KVM_GET_SREGS");
#define R(name) printf("%-6s %016llx\n", #name, (unsigned long long)r.name)
	R(rax); R(rbx); R(rcx); R(rdx); R(rsi); R(rdi); R(rsp); R(rbp); R(r8); R(r9); R(rip); R(rflags);
#undef R
	printf("cr0    %016llx\ncr3    %016llx\ncr4    %016llx\nefer   %016llx\n", (unsigned long long)s.cr0,
	       (unsigned long long)s.cr3, (unsigned long long)s.cr4, (unsigned long long)s.efer);
	printf("cs     %04x base %llx limit %x l %u db %u\n", s.cs.selector, (unsigned long long)s.cs.base, s.cs.limit,
	       s.cs.l, s.cs.db);
}

/* A vCPU is what its CPUID says; without one it has no long mode. */
static void copy_cpuid(int kvm, int vcpu)
{
	unsigned int room = 1;
	struct kvm_cpuid2 *cpuid = NULL;

	for (;;) {
		cpuid = realloc(cpuid, sizeof(*cpuid) + room * sizeof(cpuid->entries[0]));
		if (!cpuid)
			check(-1, "realloc");
		cpuid->nent = room;
		if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid) == 0)
			break;
		check(errno == E2BIG ? 0 : -1, "KVM_GET_SUPPORTED_CPUID");
		room *= 2;
	}
	check(ioctl(vcpu, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
	free(cpuid);
}

int main(int argc, char **argv)
{
	skip_paged = argc > 1 && strcmp(argv[1], "--skip-paged") == 0;

	int kvm = open("/dev/kvm", O_RDWR);
	check(kvm, "open /dev/kvm");

	int version = ioctl(kvm, KVM_GET_API_VERSION, 0);
	printf("KVM API version %d\n", version);
	if (version != KVM_API_VERSION)
		return 1;
	printf("user memory: %d, immediate_exit: %d\n", ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY),
	       ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_IMMEDIATE_EXIT));

	int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	check(vm, "KVM_CREATE_VM");

	uint8_t *memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		check(-1, "mmap");
	memcpy(memory + GUEST_START, guest_modes, sizeof(guest_modes));

	struct kvm_userspace_memory_region region = {
		.slot = 0,
		.guest_phys_addr = 0,
		.memory_size = MEMORY_SIZE,
		.userspace_addr = (uintptr_t)memory,
	};
	check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");

	int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	check(vcpu, "KVM_CREATE_VCPU");

	copy_cpuid(kvm, vcpu);

	int run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	check(run_size, "KVM_GET_VCPU_MMAP_SIZE");
	struct kvm_run *run = mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		check(-1, "mmap of the vCPU");

	struct kvm_sregs sregs;
	check(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	check(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");

	struct kvm_regs regs = { .rip = GUEST_START, .rflags = 2 };
	check(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");

	/* What a VMM must expect of every call: an error that says why. */
	if (ioctl(vm, KVM_CREATE_VCPU, 0) < 0 && errno == EEXIST)
		printf("a second vCPU 0: %s\n", "EEXIST");

	run_guest(vcpu, run);
	print_registers(vcpu);

	munmap(run, (size_t)run_size);
	close(vcpu);
	close(vm);
	close(kvm);
	munmap(memory, MEMORY_SIZE);
	return 0;
}
