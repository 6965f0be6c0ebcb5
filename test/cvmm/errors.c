/* What KVM answers to calls that cannot be: for each kind of fd a table of requests with their errno. */
#include "common.h"

static unsigned char zeros[4096];

static const char *name_of(int number)
{
	switch (number) {
	case E2BIG: return "E2BIG";
	case EBADF: return "EBADF";
	case EBUSY: return "EBUSY";
	case EEXIST: return "EEXIST";
	case EFAULT: return "EFAULT";
	case EINVAL: return "EINVAL";
	case EIO: return "EIO";
	case ENODEV: return "ENODEV";
	case ENOENT: return "ENOENT";
	case ENOTTY: return "ENOTTY";
	case ENXIO: return "ENXIO";
	default: return "another errno";
	}
}

static void try(int fd, const char *what, unsigned long request, void *argument)
{
	int result = ioctl(fd, request, argument);

	if (result < 0)
		printf("%-46s %s\n", what, name_of(errno));
	else
		printf("%-46s %d\n", what, result);
}

/* A request with a number, with the pointer 0, and with a zeroed struct. */
#define VALUE(fd, request, value) try(fd, #request "(" #value ")", request, (void *)(uintptr_t)(value))
#define NOWHERE(fd, request) try(fd, #request " at NULL", request, NULL)
#define ZEROS(fd, request) (memset(zeros, 0, sizeof(zeros)), try(fd, #request " of zeros", request, zeros))

static void system_calls(int kvm)
{
	__u32 msrs[3] = { 2 };	/* struct kvm_msr_list with room for two */

	printf("/dev/kvm\n");
	VALUE(kvm, KVM_GET_API_VERSION, 0);
	VALUE(kvm, KVM_GET_API_VERSION, 1);
	VALUE(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	VALUE(kvm, KVM_GET_VCPU_MMAP_SIZE, 1);
	VALUE(kvm, KVM_CREATE_VM, 99);
	VALUE(kvm, KVM_CHECK_EXTENSION, 99999);
	VALUE(kvm, 0xaeff, 0);
	VALUE(kvm, 0x5401, 0);
	VALUE(kvm, KVM_RUN, 0);
	NOWHERE(kvm, KVM_GET_REGS);
	NOWHERE(kvm, KVM_GET_MSR_INDEX_LIST);
	NOWHERE(kvm, KVM_GET_SUPPORTED_CPUID);
	ZEROS(kvm, KVM_GET_SUPPORTED_CPUID);
	try(kvm, "KVM_GET_MSR_INDEX_LIST of 2", KVM_GET_MSR_INDEX_LIST, msrs);
	printf("%-46s %s\n", "and it says how many there are", msrs[0] > 2 ? "yes" : "no");
}

static void vm_calls(int vm)
{
	printf("\na VM without chips\n");
	VALUE(vm, 0xaeff, 0);
	VALUE(vm, KVM_GET_API_VERSION, 0);
	VALUE(vm, KVM_RUN, 0);
	VALUE(vm, KVM_CREATE_VCPU, 100000);
	VALUE(vm, KVM_CHECK_EXTENSION, 99999);
	NOWHERE(vm, KVM_GET_REGS);
	NOWHERE(vm, KVM_SET_USER_MEMORY_REGION);
	NOWHERE(vm, KVM_SET_IDENTITY_MAP_ADDR);
	NOWHERE(vm, KVM_GET_PIT);
	ZEROS(vm, KVM_GET_PIT);
	ZEROS(vm, KVM_SET_PIT);
	ZEROS(vm, KVM_GET_PIT2);
	ZEROS(vm, KVM_SET_PIT2);
	ZEROS(vm, KVM_CREATE_PIT2);
	ZEROS(vm, KVM_REINJECT_CONTROL);
	ZEROS(vm, KVM_GET_IRQCHIP);
	ZEROS(vm, KVM_SET_IRQCHIP);
	ZEROS(vm, KVM_IRQ_LINE);
	ZEROS(vm, KVM_SIGNAL_MSI);
	ZEROS(vm, KVM_GET_DIRTY_LOG);
	ZEROS(vm, KVM_CLEAR_DIRTY_LOG);
	ZEROS(vm, KVM_CREATE_DEVICE);
	ZEROS(vm, KVM_ENABLE_CAP);
	ZEROS(vm, KVM_SET_DEVICE_ATTR);
	ZEROS(vm, KVM_X86_SET_MSR_FILTER);
	VALUE(vm, KVM_RESET_DIRTY_RINGS, 0);
	VALUE(vm, KVM_SET_NR_MMU_PAGES, 10);
	VALUE(vm, KVM_SET_TSS_ADDR, 0xfffff000);
}

static void vcpu_calls(int vm, int vcpu)
{
	printf("\na vCPU\n");
	VALUE(vm, KVM_CREATE_VCPU, 0);
	VALUE(vm, KVM_CREATE_IRQCHIP, 0);
	VALUE(vm, KVM_SET_BOOT_CPU_ID, 0);
	VALUE(vcpu, 0xaeff, 0);
	VALUE(vcpu, KVM_GET_API_VERSION, 0);
	VALUE(vcpu, KVM_RUN, 1);
	NOWHERE(vcpu, KVM_GET_REGS);
	NOWHERE(vcpu, KVM_SET_REGS);
	NOWHERE(vcpu, KVM_INTERRUPT);
	NOWHERE(vcpu, KVM_SET_SIGNAL_MASK);
	ZEROS(vcpu, KVM_SET_SIGNAL_MASK);
	ZEROS(vcpu, KVM_GET_ONE_REG);
	ZEROS(vcpu, KVM_ENABLE_CAP);
	ZEROS(vcpu, KVM_SET_VAPIC_ADDR);
	ZEROS(vcpu, KVM_X86_SETUP_MCE);
	ZEROS(vcpu, KVM_GET_CPUID2);
	ZEROS(vcpu, KVM_GET_MSRS);
	ZEROS(vcpu, KVM_GET_LAPIC);
	ZEROS(vcpu, KVM_SET_DEVICE_ATTR);
	VALUE(vcpu, KVM_KVMCLOCK_CTRL, 0);
	zeros[1] = 1;
	try(vcpu, "KVM_GET_MSRS of 256", KVM_GET_MSRS, zeros);
	VALUE(-1, KVM_RUN, 0);
}

static void memory_calls(int vm, uint8_t *memory)
{
	struct kvm_userspace_memory_region region = {
		.slot = 1,
		.guest_phys_addr = MEMORY_SIZE / 2,
		.memory_size = 4096,
		.userspace_addr = (uintptr_t)memory,
	};

	printf("\nslots\n");
	try(vm, "over another one", KVM_SET_USER_MEMORY_REGION, &region);
	region.guest_phys_addr = MEMORY_SIZE + 1;
	try(vm, "at no page", KVM_SET_USER_MEMORY_REGION, &region);
	region.guest_phys_addr = MEMORY_SIZE;
	region.userspace_addr++;
	try(vm, "on no page", KVM_SET_USER_MEMORY_REGION, &region);
	region.userspace_addr--;
	region.flags = 1u << 15;
	try(vm, "with a flag that is none", KVM_SET_USER_MEMORY_REGION, &region);
	region.flags = 0;
	try(vm, "as it should be", KVM_SET_USER_MEMORY_REGION, &region);
	region.memory_size = 8192;
	try(vm, "of another size", KVM_SET_USER_MEMORY_REGION, &region);
	region.memory_size = 0;
	try(vm, "away", KVM_SET_USER_MEMORY_REGION, &region);
	try(vm, "away again", KVM_SET_USER_MEMORY_REGION, &region);
}

static void vm_alone(struct machine *m)
{
	system_calls(m->kvm);
	vm_calls(m->vm);
}

int main(void)
{
	struct machine m;

	make_machine(&m, guest_pages, sizeof(guest_pages), 0, vm_alone);
	vcpu_calls(m.vm, m.vcpu);
	memory_calls(m.vm, m.memory);
	return 0;
}
