// Loads of processes: pipes with sums over what went through, fork with copies on write, queued signals.
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "stress.h"

static uint32_t sum_of(const uint8_t *bytes, unsigned length, uint32_t sum)
{
	for (unsigned i = 0; i < length; i++)
		sum = sum * 31 + bytes[i];
	return sum;
}

static bool exactly(ssize_t (*move)(int, void *, size_t), int file, void *bytes, unsigned length)
{
	for (unsigned moved = 0; moved < length;) {
		ssize_t got = move(file, (uint8_t *)bytes + moved, length - moved);
		if (got <= 0 && !(got < 0 && errno == EINTR))
			return false;
		moved += got > 0 ? got : 0;
	}
	return true;
}

static ssize_t put(int file, void *bytes, size_t length)
{
	return write(file, bytes, length);
}

// A child that answers each block with its sum, until the pipe is closed.
static void answer(int from, int to)
{
	static uint8_t block[8192];
	uint16_t length;
	while (exactly(read, from, &length, sizeof length) && exactly(read, from, block, length)) {
		uint32_t sum = sum_of(block, length, length);
		if (!exactly(put, to, &sum, sizeof sum))
			break;
	}
	_exit(0);
}

static void pipes(struct load *load, unsigned at)
{
	uint8_t block[8192];
	int there[2], back[2];
	uint64_t random = 77 + at;
	if (pipe(there) != 0 || pipe(back) != 0)
		return fail(load->name, "errno of pipe", errno, 0);
	pid_t child = fork();
	if (child < 0)
		return fail(load->name, "errno of fork", errno, 0);
	if (child == 0) {
		close(there[1]);
		close(back[0]);
		answer(there[0], back[1]);
	}
	close(there[0]);
	close(back[1]);
	do {
		uint16_t length = 1 + next_random(&random) % sizeof block;
		for (unsigned i = 0; i < length; i++)
			block[i] = i * 7 + length;
		uint32_t sum = 0;
		// The other brothers' children hold our end of the pipe too, so a child that has died shows as a sum of 0.
		if (!exactly(put, there[1], &length, sizeof length) || !exactly(put, there[1], block, length) ||
		    !exactly(read, back[0], &sum, sizeof sum))
			return fail(load->name, "errno of a pipe", errno, 0);
		check(load->name, "the sum of a block that went through a pipe", sum, sum_of(block, length, length));
		counted(load);
	} while (!over());
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(there[1]);
	close(back[0]);
}

// A child sees what its parent wrote before, and its own writes stay its own.
static void forks(struct load *load, unsigned at)
{
	enum { WORDS = 16 * 1024 };
	uint32_t *words = mmap(NULL, WORDS * sizeof *words, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t round = at << 24;
	do {
		round++;
		for (unsigned i = 0; i < WORDS; i += 64)
			words[i] = round + i;
		pid_t child = fork();
		if (child < 0)
			return fail(load->name, "errno of fork", errno, 0);
		if (child == 0) {
			for (unsigned i = 0; i < WORDS; i += 64) {
				check(load->name, "a word of the parent's memory", words[i], round + i);
				words[i] = ~words[i];
			}
			_exit(round & 0x7f);
		}
		int status = 0;
		check(load->name, "the process that has ended", waitpid(child, &status, 0), child);
		check(load->name, "the status of a child", status, (round & 0x7f) << 8);
		for (unsigned i = 0; i < WORDS; i += 64)
			check(load->name, "a word that only the child wrote", words[i], round + i);
		counted(load);
	} while (!over());
}

static sigset_t queued;

void block_signals(void)
{
	sigemptyset(&queued);
	sigaddset(&queued, SIGRTMIN);
	pthread_sigmask(SIG_BLOCK, &queued, NULL);
}

// Queued signals arrive all, in order, with their values, from a child.
static void signals(struct load *load, unsigned at)
{
	enum { MANY = 20 };
	(void)at;
	pid_t parent = getpid();
	do {
		pid_t child = fork();
		if (child < 0)
			return fail(load->name, "errno of fork", errno, 0);
		if (child == 0) {
			for (int i = 0; i < MANY; i++)
				sigqueue(parent, SIGRTMIN, (union sigval){.sival_int = i});
			_exit(0);
		}
		for (int i = 0; i < MANY; i++) {
			siginfo_t info;
			struct timespec limit = {.tv_sec = 60};
			int got;
			do
				got = sigtimedwait(&queued, &info, &limit);
			while (got < 0 && errno == EINTR);
			if (got < 0)
				return fail(load->name, "errno of sigtimedwait", errno, 0);
			check(load->name, "a signal that came", got, SIGRTMIN);
			check(load->name, "the value of a signal", info.si_value.sival_int, i);
		}
		waitpid(child, NULL, 0);
		counted(load);
	} while (!over());
}

struct load process_loads[] = {
	{"pipes", pipes, 0, 0},
	{"forks", forks, 0, 0},
	{"signals", signals, 1, 0},
	{0},
};
