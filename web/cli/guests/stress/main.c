// `stress SECONDS`: puts every kind of load on a Linux guest at once and checks all that can be checked, then says one
// line, PASS with counts or FAIL with what was wrong. It is for finding faults of the machine below, not of Linux.
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "stress.h"

enum { MOST = 512 };

unsigned processors;

// In memory that forked children share, so that they can fail too.
static struct shared {
	uint64_t deadline;
	int failed;
	char sentence[256];
} *shared;

static struct load *const groups[] = {thread_loads, process_loads, memory_loads, time_loads};
static double seconds;
static char ticks[160];

struct worker {
	pthread_t thread;
	struct load *load;
	unsigned at;
};

uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + now.tv_nsec;
}

bool over(void)
{
	return now_ns() >= shared->deadline || __atomic_load_n(&shared->failed, __ATOMIC_ACQUIRE) != 0;
}

void fail(const char *name, const char *what, uint64_t seen, uint64_t expected)
{
	int none = 0;
	if (!__atomic_compare_exchange_n(&shared->failed, &none, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return;
	snprintf(shared->sentence, sizeof shared->sentence, "%s: %s is 0x%llx instead of 0x%llx", name, what,
		 (unsigned long long)seen, (unsigned long long)expected);
}

void check(const char *name, const char *what, uint64_t seen, uint64_t expected)
{
	if (seen != expected)
		fail(name, what, seen, expected);
}

void counted(struct load *load)
{
	__atomic_fetch_add(&load->count, 1, __ATOMIC_RELAXED);
}

uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1du;
}

void say_and_end(void)
{
	printf("stress: %s %g s, %u CPUs:", shared->failed ? "FAIL" : "PASS", seconds, processors);
	for (unsigned group = 0; group < 4; group++) {
		for (struct load *load = groups[group]; load->name; load++)
			printf(" %s %llu", load->name, (unsigned long long)load->count);
	}
	printf("%s%s%s\n", ticks, shared->failed ? "; " : "", shared->sentence);
	fflush(stdout);
	_exit(shared->failed);
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	worker->load->run(worker->load, worker->at);
	return NULL;
}

int main(int count, char **arguments)
{
	static struct worker workers[MOST];
	unsigned started = 0;
	seconds = count == 2 ? atof(arguments[1]) : 0;
	if (seconds <= 0) {
		fprintf(stderr, "stress: say for how many seconds, such as stress 30\n");
		return 2;
	}
	processors = sysconf(_SC_NPROCESSORS_ONLN);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	shared->deadline = now_ns() + (uint64_t)(seconds * 1e9);
	block_signals();
	watch_ticks();
	for (unsigned group = 0; group < 4; group++) {
		for (struct load *load = groups[group]; load->name; load++) {
			unsigned brothers = load->brothers ? load->brothers : processors;
			for (unsigned at = 0; at < brothers && started < MOST; at++) {
				struct worker *worker = &workers[started];
				worker->load = load;
				worker->at = at;
				int error = pthread_create(&worker->thread, NULL, work, worker);
				if (error == 0)
					started++;
				else
					fail(load->name, "the error of pthread_create", error, 0);
			}
		}
	}
	for (unsigned i = 0; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	judge_ticks(ticks, sizeof ticks);
	say_and_end();
}
