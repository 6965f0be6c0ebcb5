/*
 * A debugger's tools: single steps, a breakpoint in the code, one in a debug register, and a watched address. The guest
 * stands in long mode, where its VMM has put it.
 */
#include "common.h"

#define HERE 0x1017
#define WATCHED 0x2000

static void set_debug(struct machine *m, struct kvm_guest_debug debug)
{
	check(ioctl(m->vcpu, KVM_SET_GUEST_DEBUG, &debug), "KVM_SET_GUEST_DEBUG");
}

static void set_rip(struct machine *m, uint64_t rip)
{
	struct kvm_regs regs;

	check(ioctl(m->vcpu, KVM_GET_REGS, &regs), "KVM_GET_REGS");
	regs.rip = rip;
	check(ioctl(m->vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

/* Runs to the next exit and says where the guest stands. */
static void go(struct machine *m, const char *what)
{
	struct kvm_regs regs;
	uint32_t reason = run(m);

	check(ioctl(m->vcpu, KVM_GET_REGS, &regs), "KVM_GET_REGS");
	if (reason == KVM_EXIT_DEBUG)
		printf("%-12s exception %u at %llx, ", what, m->run->debug.arch.exception,
		       (unsigned long long)m->run->debug.arch.pc);
	else
		printf("%-12s exit %u, ", what, reason);
	printf("rip %llx eax %llx ebx %llx ecx %llx\n", (unsigned long long)regs.rip, (unsigned long long)regs.rax,
	       (unsigned long long)regs.rbx, (unsigned long long)regs.rcx);
}

int main(void)
{
	struct machine m;

	make_machine(&m, guest_steps, sizeof(guest_steps), 0, NULL);
	enter_long_mode(&m);

	set_debug(&m, (struct kvm_guest_debug){ .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP });
	for (int n = 0; n < 6; n++)
		go(&m, "step:");

	/* INT3 in the guest's code: its exit shows the place, and the guest never sees it. */
	m.memory[HERE] = 0xcc;
	set_debug(&m, (struct kvm_guest_debug){ .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP });
	go(&m, "breakpoint:");
	m.memory[HERE] = 0x90;

	/* DR0 for an address in the code, DR1 for two bytes that are written. */
	struct kvm_guest_debug hardware = { .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP };
	hardware.arch.debugreg[0] = HERE + 1;
	hardware.arch.debugreg[1] = WATCHED;
	hardware.arch.debugreg[7] = 0x400 | 0x2;
	set_debug(&m, hardware);
	go(&m, "DR0:");
	hardware.arch.debugreg[7] = 0x400 | 0x8 | 0xd << 20;
	set_debug(&m, hardware);
	go(&m, "DR1:");
	printf("             dr6 %llx\n", (unsigned long long)m.run->debug.arch.dr6 & 0xf);

	set_debug(&m, (struct kvm_guest_debug){ 0 });
	go(&m, "free:");

	set_rip(&m, GUEST_START);
	go(&m, "once more:");
	return 0;
}
