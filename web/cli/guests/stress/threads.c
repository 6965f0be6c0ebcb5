// Loads of threads that share memory: futexes, atomic operations, the order of stores, the registers of the FPU.
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <time.h>
#include "stress.h"

// Linux's <linux/futex.h>, which the C library's headers do not bring.
enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1 };

#ifndef SYS_futex
#define SYS_futex SYS_futex_time64
#endif

static long futex(int *word, int operation, int value, const struct timespec *limit)
{
	return syscall(SYS_futex, word, operation, value, limit, NULL, 0);
}

// A lock of three states: 0 free, 1 held, 2 held and somebody sleeps.
static void lock(int *word)
{
	int state = 0;
	if (__atomic_compare_exchange_n(word, &state, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(word, 2, __ATOMIC_ACQUIRE) != 0)
		futex(word, FUTEX_WAIT, 2, NULL);
}

static void unlock(int *word)
{
	if (__atomic_exchange_n(word, 0, __ATOMIC_RELEASE) == 2)
		futex(word, FUTEX_WAKE, 1, NULL);
}

// Two numbers that are equal whenever the lock is free.
static void futexes(struct load *load, unsigned at)
{
	static int word;
	static volatile uint64_t first, second;
	(void)at;
	do {
		for (int i = 0; i < 100; i++) {
			lock(&word);
			check(load->name, "a number under the lock", second, first);
			first = first + 1;
			if (i == 50)
				syscall(SYS_sched_yield);
			second = second + 1;
			unlock(&word);
		}
		counted(load);
	} while (!over());
}

// Every brother adds to the same words by different instructions; nothing may be lost between their two sums.
static void atomics(struct load *load, unsigned at)
{
	static uint32_t added, swapped;
	static uint64_t wide;
	static uint32_t expected, rounds;
	enum { STEPS = 1000 };
	(void)at;
	do {
		for (int i = 0; i < STEPS; i++) {
			uint32_t old = __atomic_load_n(&swapped, __ATOMIC_RELAXED);
			uint64_t long_old = __atomic_load_n(&wide, __ATOMIC_RELAXED);
			__atomic_fetch_add(&added, 1, __ATOMIC_SEQ_CST);
			while (!__atomic_compare_exchange_n(&swapped, &old, old + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
				;
			while (!__atomic_compare_exchange_n(&wide, &long_old, long_old + 0x100000001u, false, __ATOMIC_SEQ_CST,
							    __ATOMIC_RELAXED))
				;
		}
		__atomic_fetch_add(&expected, STEPS, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&rounds, 1, __ATOMIC_SEQ_CST);
		// What was counted by all can be seen by each.
		uint32_t least = __atomic_load_n(&expected, __ATOMIC_SEQ_CST);
		uint32_t seen = __atomic_load_n(&added, __ATOMIC_SEQ_CST);
		check(load->name, "an increment that was lost by LOCK XADD", (int32_t)(seen - least) < 0, 0);
		seen = __atomic_load_n(&swapped, __ATOMIC_SEQ_CST);
		check(load->name, "an increment that was lost by LOCK CMPXCHG", (int32_t)(seen - least) < 0, 0);
		uint64_t pair = __atomic_load_n(&wide, __ATOMIC_SEQ_CST);
		check(load->name, "the upper half of a 64-bit word", pair >> 32, (uint32_t)pair);
		counted(load);
	} while (!over());
}

// The two litmus tests that x86's order of memory decides, between two threads that pass rounds to one another:
// a message is there when its flag is, and of two fenced stores at least one is seen.
static struct litmus {
	uint32_t round, done, data[64], flag, left, right, left_saw, right_saw;
} litmus;

static bool wait_for(uint32_t *word, uint32_t value)
{
	for (unsigned spins = 0; __atomic_load_n(word, __ATOMIC_ACQUIRE) != value; spins++) {
		if (spins % 64 == 63) {
			if (over())
				return false;
			syscall(SYS_sched_yield);
		}
	}
	return true;
}

static void orders(struct load *load, unsigned at)
{
	volatile uint32_t *mine = at == 0 ? &litmus.left : &litmus.right;
	volatile uint32_t *other = at == 0 ? &litmus.right : &litmus.left;
	uint32_t *saw = at == 0 ? &litmus.left_saw : &litmus.right_saw;
	for (uint32_t round = 1;; round++) {
		if (at == 0) {
			litmus.left = litmus.right = 0;
			__atomic_store_n(&litmus.round, round, __ATOMIC_SEQ_CST);
		} else if (!wait_for(&litmus.round, round)) {
			return;
		}
		*mine = 1;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		*saw = *other;
		volatile uint32_t *message = &litmus.data[round % 64];
		if (at == 0) {
			*message = round;
			*(volatile uint32_t *)&litmus.flag = round;
			if (!wait_for(&litmus.done, round))
				return;
			check(load->name, "the number of fenced stores that nobody saw", litmus.left_saw + litmus.right_saw == 0, 0);
			counted(load);
		} else {
			if (!wait_for(&litmus.flag, round))
				return;
			check(load->name, "a message behind its flag", *message, round);
			__atomic_store_n(&litmus.done, round, __ATOMIC_SEQ_CST);
		}
	}
}

// A sum whose last bits show each register that was lost on a switch of threads; made anew at each call.
__attribute__((noipa)) static double sum_of(unsigned seed)
{
	double sum = 1 + seed;
	long double extended = 1;
	for (int i = 1; i < 20000; i++) {
		sum = sum * 1.0000001 + 1.0 / i;
		extended += 1.0L / ((long double)i * i);
	}
	return sum + (double)extended;
}

static void floats(struct load *load, unsigned at)
{
	union {
		double number;
		uint64_t bits;
	} first = {.number = sum_of(at)};
	do {
		union {
			double number;
			uint64_t bits;
		} again = {.number = sum_of(at)};
		check(load->name, "a sum of floating-point numbers", again.bits, first.bits);
		counted(load);
	} while (!over());
}

struct load thread_loads[] = {
	{"futexes", futexes, 0, 0},
	{"atomics", atomics, 0, 0},
	{"orders", orders, 2, 0},
	{"floats", floats, 0, 0},
	{0},
};
