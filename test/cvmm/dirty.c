/* The dirty log: which pages a guest has written since the last look. */
#include "common.h"

static void print_log(struct machine *m, const char *when)
{
	uint64_t bitmap = 0;
	struct kvm_dirty_log log = { .slot = 0, .dirty_bitmap = &bitmap };

	check(ioctl(m->vm, KVM_GET_DIRTY_LOG, &log), "KVM_GET_DIRTY_LOG");
	printf("%-18s", when);
	for (int page = 0; page < MEMORY_SIZE / 4096; page++)
		if (bitmap >> page & 1)
			printf(" %d", page);
	printf("\n");
}

int main(void)
{
	struct machine m;
	struct kvm_dirty_log log = { .slot = 9 };
	uint64_t bitmap;

	make_machine(&m, guest_pages, sizeof(guest_pages), KVM_MEM_LOG_DIRTY_PAGES, NULL);
	print_log(&m, "before the guest:");
	if (run(&m) != KVM_EXIT_HLT)
		return 1;
	print_log(&m, "first run:");
	print_log(&m, "nothing since:");
	for (int n = 0; n < 2; n++) {
		if (run(&m) != KVM_EXIT_HLT)
			return 1;
		print_log(&m, "another run:");
	}
	printf("page 7 says %u\n", m.memory[0x7000]);

	log.dirty_bitmap = &bitmap;
	if (ioctl(m.vm, KVM_GET_DIRTY_LOG, &log) < 0 && errno == ENOENT)
		printf("slot 9: ENOENT\n");
	return 0;
}
