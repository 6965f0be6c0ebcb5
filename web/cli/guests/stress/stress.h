// What the parts of the stress program share: the clock of the run, the counts, and how a failure is told.
#ifndef STRESS_H
#define STRESS_H
#include <stdbool.h>
#include <stdint.h>

// One kind of load. `run` works until `over()`, but one round at least, and counts its rounds in `count`; `at` is its
// number among its brothers.
struct load {
	const char *name;
	void (*run)(struct load *load, unsigned at);
	// Brothers that run at once: 0 for one a processor.
	unsigned brothers;
	uint64_t count;
};

extern struct load thread_loads[], process_loads[], memory_loads[], time_loads[];

extern unsigned processors;

// True when the run's time has passed, or something has failed.
bool over(void);

// Ends the run. The first failure is the one that is told; safe from every thread and from forked children.
void fail(const char *name, const char *what, uint64_t seen, uint64_t expected);

// Fails unless both are the same.
void check(const char *name, const char *what, uint64_t seen, uint64_t expected);

// Says the line at once and ends the process: for a thread that cannot return.
_Noreturn void say_and_end(void);

// A round of the load is done.
void counted(struct load *load);

// A sequence of numbers that looks random and is the same for the same seed (xorshift64*).
uint64_t next_random(uint64_t *state);

// CLOCK_MONOTONIC in nanoseconds.
uint64_t now_ns(void);

// Blocks the signals that a load waits for, in this thread and all that it starts.
void block_signals(void);

// Says what the clocks did in the run, into `text`; fails when ticks were lost.
void judge_ticks(char *text, unsigned size);
// Begins the watch that judge_ticks ends.
void watch_ticks(void);

#endif
