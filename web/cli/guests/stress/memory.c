// Loads of memory: patterns that are written, copied and read back, and pages that come, go and refuse.
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "stress.h"

enum { PAGE = 4096, PAGES = 256 };

static void *map(unsigned pages)
{
	return mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

// Fills memory by a rule, copies it off its alignment, and holds the copy against the rule.
static void patterns(struct load *load, unsigned at)
{
	enum { WORDS = PAGES * PAGE / 8 };
	uint64_t *words = map(PAGES), *copies = map(PAGES + 1);
	if (words == MAP_FAILED || copies == MAP_FAILED)
		return fail(load->name, "errno of mmap", errno, 0);
	uint64_t round = 0;
	do {
		round++;
		unsigned shift = round % 8;
		uint64_t random = round * 64 + at + 1;
		for (unsigned i = 0; i < WORDS; i++)
			words[i] = round % 3 == 0 ? (uintptr_t)&words[i] : next_random(&random);
		memcpy((uint8_t *)copies + shift, words, PAGES * PAGE);
		random = round * 64 + at + 1;
		for (unsigned i = 0; i < WORDS; i++) {
			uint64_t copy;
			memcpy(&copy, (uint8_t *)copies + shift + 8 * i, 8);
			uint64_t expected = round % 3 == 0 ? (uintptr_t)&words[i] : next_random(&random);
			if (copy != expected)
				return fail(load->name, "a word of a pattern", copy, expected);
		}
		memset(words, 0xa5, PAGES * PAGE);
		check(load->name, "the last word that memset wrote", words[WORDS - 1], 0xa5a5a5a5a5a5a5a5u);
		counted(load);
	} while (!over());
}

static __thread sigjmp_buf *volatile landing;

static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	if (landing)
		siglongjmp(*landing, 1);
	fail("faults", "the address of a fault that nobody expected", (uintptr_t)info->si_addr, 0);
	say_and_end();
}

// True when a write to the address is refused by SIGSEGV.
static bool is_refused(volatile uint8_t *address)
{
	sigjmp_buf here;
	if (sigsetjmp(here, 1) != 0) {
		landing = NULL;
		return true;
	}
	landing = &here;
	*address = 1;
	landing = NULL;
	return false;
}

// New pages are zero, pages given back are zero again, and protection holds at once, on every processor.
static void faults(struct load *load, unsigned at)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	sigaction(SIGSEGV, &action, NULL);
	do {
		volatile uint8_t *bytes = map(PAGES);
		if (bytes == MAP_FAILED)
			return fail(load->name, "errno of mmap", errno, 0);
		for (unsigned page = 0; page < PAGES; page++) {
			check(load->name, "a byte of a new page", bytes[page * PAGE + page], 0);
			bytes[page * PAGE + page] = page + at;
		}
		madvise((void *)(bytes + 16 * PAGE), 16 * PAGE, MADV_DONTNEED);
		for (unsigned page = 0; page < PAGES; page++) {
			uint8_t expected = page >= 16 && page < 32 ? 0 : page + at;
			check(load->name, "a byte of a page", bytes[page * PAGE + page], expected);
		}
		mprotect((void *)(bytes + 3 * PAGE), PAGE, PROT_READ);
		check(load->name, "a write to a page that is read-only", is_refused(bytes + 3 * PAGE), true);
		check(load->name, "a write to the page beside it", is_refused(bytes + 4 * PAGE), false);
		// Only pages of one kind move together.
		mprotect((void *)(bytes + 3 * PAGE), PAGE, PROT_READ | PROT_WRITE);
		void *moved = mremap((void *)bytes, PAGES * PAGE, 2 * PAGES * PAGE, MREMAP_MAYMOVE);
		if (moved == MAP_FAILED)
			return fail(load->name, "errno of mremap", errno, 0);
		bytes = moved;
		check(load->name, "a byte of a page that has moved", bytes[200 * PAGE + 200], (uint8_t)(200 + at));
		munmap((void *)bytes, 2 * PAGES * PAGE);
		counted(load);
	} while (!over());
}

struct load memory_loads[] = {
	{"patterns", patterns, 0, 0},
	{"faults", faults, 0, 0},
	{0},
};
