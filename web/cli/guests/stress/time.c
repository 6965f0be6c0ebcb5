// Loads of time: clocks that never go back, on no processor, sleeps that are never short, and ticks that are not lost.
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "stress.h"

static uint64_t read_tsc(void)
{
	uint32_t low, high;
	// Not before the loads in front of it.
	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

// What a processor read before another took its turn is never later than what that one reads.
static void clocks(struct load *load, unsigned at)
{
	static int turn;
	static uint64_t latest_ns, latest_tsc;
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(at, &set);
	sched_setaffinity(0, sizeof set, &set);
	do {
		while (__atomic_exchange_n(&turn, 1, __ATOMIC_ACQUIRE) != 0)
			sched_yield();
		uint64_t ns = now_ns(), tsc = read_tsc();
		if (ns < latest_ns)
			fail(load->name, "CLOCK_MONOTONIC gone back, which", ns, latest_ns);
		if (tsc < latest_tsc)
			fail(load->name, "the time-stamp counter gone back, which", tsc, latest_tsc);
		latest_ns = ns;
		latest_tsc = tsc;
		__atomic_store_n(&turn, 0, __ATOMIC_RELEASE);
		counted(load);
		if (load->count % 64 == 0)
			usleep(500);
	} while (!over());
}

static void sleeps(struct load *load, unsigned at)
{
	uint64_t random = at + 1;
	do {
		struct timespec length = {.tv_nsec = next_random(&random) % 5000000};
		uint64_t before = now_ns();
		if (nanosleep(&length, NULL) == 0 && now_ns() - before < (uint64_t)length.tv_nsec)
			fail(load->name, "a sleep that was short, in ns", now_ns() - before, length.tv_nsec);
		counted(load);
	} while (!over());
}

struct load time_loads[] = {
	{"clocks", clocks, 0, 0},
	{"sleeps", sleeps, 0, 0},
	{0},
};

// What the clocks stood at: ns by CLOCK_MONOTONIC, the time-stamp counter, the kernel's count of ticks (0: not told).
struct reading {
	uint64_t ns, tsc, jiffies;
};

static struct reading started;

// The readings are of no one moment: a tick or two at each end.
enum { SLACK = 5 };

static uint64_t read_jiffies(void)
{
	unsigned long long jiffies = 0;
	char line[256];
	FILE *file = fopen("/proc/timer_list", "r");
	if (!file)
		return 0;
	while (jiffies == 0 && fgets(line, sizeof line, file))
		sscanf(line, "jiffies: %llu", &jiffies);
	fclose(file);
	return jiffies;
}

// The length of a tick in ns. The coarse clock moves with the tick: so its resolution is the length of one.
static uint64_t tick_ns(void)
{
	struct timespec tick;
	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	return tick.tv_nsec;
}

// The count of ticks is behind while the processor that keeps it has no host to run on, and catches up: of some readings
// that one counts in which it was the furthest. The time is that before the count was read, or that after it.
static struct reading read_clocks(bool after)
{
	struct reading best = {0};
	int64_t furthest = INT64_MIN;
	for (int i = 0; i < 10; i++) {
		struct reading now = {.ns = now_ns(), .tsc = read_tsc()};
		now.jiffies = read_jiffies();
		if (after) {
			now.ns = now_ns();
			now.tsc = read_tsc();
		}
		int64_t ahead = now.jiffies * tick_ns() - now.ns;
		if (ahead > furthest) {
			furthest = ahead;
			best = now;
		}
		usleep(20000);
	}
	return best;
}

void watch_ticks(void)
{
	started = read_clocks(true);
}

void judge_ticks(char *text, unsigned size)
{
	enum { TRIES = 20 };
	int64_t seen = 0, expected = 0;
	uint64_t mhz = 0;
	for (int i = 0; i < TRIES && (i == 0 || seen < expected - SLACK); i++) {
		struct reading ended = read_clocks(false);
		uint64_t ns = ended.ns - started.ns;
		mhz = (ended.tsc - started.tsc) * 1000 / (ns ? ns : 1);
		expected = (ns + tick_ns() / 2) / tick_ns();
		seen = ended.jiffies - started.jiffies;
	}
	if (started.jiffies == 0) {
		snprintf(text, size, " ticks untold tsc %llu MHz", (unsigned long long)mhz);
		return;
	}
	snprintf(text, size, " ticks %lld of %lld tsc %llu MHz", (long long)seen, (long long)expected,
		 (unsigned long long)mhz);
	// More than were due shows that the host took its time for a reading; less is a loss, once the count could catch up.
	if (seen < expected - SLACK)
		fail("ticks", "their number", seen, expected);
}
