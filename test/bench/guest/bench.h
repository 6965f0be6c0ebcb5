// What the guest program's files share: plain types, system calls, a few words of a C library, and how a workload is declared.
// The program has no library under it, so that the same few bytes run in every guest of 32 and of 64 bits.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned long word;

/** A Linux system call with up to six arguments (start.c); negative results are errno values. */
long call6(long number, long a, long b, long c, long d, long e, long f);
#define call(number, ...) CALL_PICK(number, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL_PICK(number, a, b, c, d, e, f, ...) \
    call6(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#ifdef __x86_64__
enum {
    SYS_read = 0, SYS_write = 1, SYS_open = 2, SYS_close = 3, SYS_mmap = 9, SYS_munmap = 11, SYS_sched_yield = 24,
    SYS_pipe = 22, SYS_dup2 = 33, SYS_nanosleep = 35, SYS_fork = 57, SYS_execve = 59, SYS_exit = 60, SYS_wait4 = 61,
    SYS_unlink = 87, SYS_syslog = 103, SYS_getppid = 110
};
#else
enum {
    SYS_exit = 1, SYS_fork = 2, SYS_read = 3, SYS_write = 4, SYS_open = 5, SYS_close = 6, SYS_unlink = 10,
    SYS_execve = 11, SYS_pipe = 42, SYS_dup2 = 63, SYS_getppid = 64, SYS_munmap = 91, SYS_syslog = 103,
    SYS_wait4 = 114, SYS_sched_yield = 158, SYS_nanosleep = 162, SYS_mmap = 192 /* mmap2 */
};
#endif
enum { O_RDONLY = 0, O_WRONLY = 1, O_CREAT = 0100, O_TRUNC = 01000 };

void *memcpy(void *to, const void *from, word bytes);
void *memset(void *to, int value, word bytes);
int same(const char *a, const char *b);
void print(const char *text);
void print_number(u32 number);
/** Ends the program with a sentence: for what cannot fail on a sane guest. */
void fail(const char *sentence) __attribute__((noreturn));
void sleep_ms(int milliseconds);

/** Fresh zeroed pages, given back with `release`. */
void *pages(word bytes);
void release(void *at, word bytes);

/** The next number of a 32-bit linear congruential generator; data of workloads comes from it. */
static inline u32 next_random(u32 *state) { return *state = *state * 1664525u + 1013904223u; }
/** FNV-1a over one more word: how results become one number. */
static inline u32 mix(u32 hash, u32 value) { return (hash ^ value) * 16777619u; }
enum { MIX = (int)2166136261u };

/** Starts a child that runs `path` with `argv` (or nothing but exit), and waits for it; its exit status. */
int run(const char *path, char *const argv[]);
int wait_for(long pid);

/** What is measured: `prepare` and `finish` are not. Each turn does the same, and gives the same result. */
typedef struct {
    const char *name;
    void (*prepare)(void);
    u32 (*turn)(void);
    /** Gives the result where a turn alone does not tell it (files are looked at afterwards). */
    u32 (*finish)(void);
} Workload;

extern const Workload WORKLOADS[];

u32 sieve(void), sha256(void), crc32(void), quicksort(void), dhrystone(void);
void crc32_prepare(void), quicksort_prepare(void), sha256_prepare(void);
u32 crc32_of(u32 crc, const u8 *at, word bytes);
void memcpy_prepare(void), wordcopy_prepare(void), chase16k_prepare(void), chase16m_prepare(void);
u32 memcpy_turn(void), wordcopy(void), chase(void);
u32 matmul_x87(void), matmul_sse2(void), nbody_x87(void), nbody_sse2(void);
u32 getppid_turn(void), fork_turn(void), exec_turn(void), faults(void), pipe_turn(void);
void sieve_prepare(void), mixed_prepare(void);
u32 sieve_pair(void), mixed_pair(void), sieve_alone(void), mixed_alone(void);
void text_prepare(void);
u32 gzip(void), gzip_finish(void), sha256sum(void), sha256sum_finish(void);
