// Workloads of the guest's kernel: system calls, processes, page faults, context switches; and busybox's tools on files.
#include "bench.h"

u32 getppid_turn(void) {
    enum { CALLS = 20000 };
    const long parent = call(SYS_getppid);
    u32 good = 0;
    for (int i = 0; i < CALLS; i++) good += call(SYS_getppid) == parent;
    return good;
}

u32 fork_turn(void) {
    u32 failed = 0;
    for (int i = 0; i < 20; i++) failed += run(0, 0) != 0;
    return failed;
}

u32 exec_turn(void) {
    static char *const argv[] = {"true", 0};
    u32 failed = 0;
    for (int i = 0; i < 5; i++) failed += run("/bin/busybox", argv) != 0;
    return failed;
}

/** 8 MiB of fresh pages, each touched once. */
u32 faults(void) {
    enum { BYTES = 8 << 20 };
    u8 *block = pages(BYTES);
    u32 sum = 0;
    for (u32 at = 0; at < BYTES; at += 4096) block[at] = at >> 12, sum += block[at] + block[at + 1];
    release(block, BYTES);
    return sum;
}

/** Two processes that send one byte to and fro. */
u32 pipe_turn(void) {
    enum { PASSES = 1000 };
    int there[2], back[2];
    if (call(SYS_pipe, there) || call(SYS_pipe, back)) fail("pipe");
    const long child = call(SYS_fork);
    if (child < 0) fail("fork");
    u8 byte = 0;
    if (child == 0) {
        call(SYS_close, there[1]);
        while (call(SYS_read, there[0], &byte, 1) == 1) byte++, call(SYS_write, back[1], &byte, 1);
        call(SYS_exit, 0);
    }
    u32 hash = MIX;
    for (int pass = 0; pass < PASSES; pass++) {
        call(SYS_write, there[1], &byte, 1);
        call(SYS_read, back[0], &byte, 1);
        hash = mix(hash, byte);
    }
    for (int end = 0; end < 2; end++) call(SYS_close, there[end]), call(SYS_close, back[end]);
    return hash + wait_for(child);
}

// --- the same work by one process, and by two at once: what a second processor is worth ---

static u32 mixed(void) {
    u32 hash = sieve();
    hash = mix(hash, faults());
    hash = mix(hash, getppid_turn());
    return mix(hash, fork_turn());
}

/** What the work gives, found before the measured part: the processes compare, for all they can say is their status. */
static u32 expected;
void sieve_prepare(void) { expected = sieve(); }

/** `work` ten times, in one process or half of it in each of two at once. */
static u32 share(u32 (*work)(void), int processes) {
    enum { TIMES = 10 };
    long children[2];
    for (int i = 0; i < processes; i++) {
        children[i] = call(SYS_fork);
        if (children[i] < 0) fail("fork");
        if (children[i]) continue;
        u32 wrong = 0;
        for (int time = 0; time < TIMES / processes; time++) wrong += work() != expected;
        call(SYS_exit, wrong != 0);
    }
    u32 failed = 0;
    for (int i = 0; i < processes; i++) failed += wait_for(children[i]) != 0;
    return expected + failed;
}

/** On all processors, twice over: what their emulator compiles for them is made by then, whichever of the two is measured first. */
void mixed_prepare(void) {
    expected = mixed();
    for (int time = 0; time < 2; time++) share(mixed, 2);
}

u32 sieve_alone(void) { return share(sieve, 1); }
u32 sieve_pair(void) { return share(sieve, 2); }
u32 mixed_alone(void) { return share(mixed, 1); }
u32 mixed_pair(void) { return share(mixed, 2); }

// --- busybox on a file of words ---

enum { TEXT_BYTES = 1 << 20 };
static const char TEXT[] = "/tmp/bench.txt", PACKED[] = "/tmp/bench.gz", SUM[] = "/tmp/bench.sum";
static u8 buffer[65536];

void text_prepare(void) {
    const long file = call(SYS_open, TEXT, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0) fail("cannot write /tmp");
    u32 state = 6, at = 0, letter = 0;
    for (u32 written = 0; written < TEXT_BYTES; written += sizeof buffer) {
        for (at = 0; at < sizeof buffer; at++) {
            // A word out of 4096, of up to eight letters: what a packer finds is like text.
            static u32 seed;
            if (letter == 0) seed = (next_random(&state) >> 20) * 2654435761u, letter = 1 + seed % 8;
            buffer[at] = --letter ? 'a' + (seed >> letter * 3) % 26 : ' ';
        }
        if (call(SYS_write, file, buffer, sizeof buffer) != sizeof buffer) fail("/tmp is full");
    }
    call(SYS_close, file);
    crc32_prepare();
}

/** CRC-32 of a file. */
static u32 crc32_of_file(const char *path) {
    const long file = call(SYS_open, path, O_RDONLY, 0);
    if (file < 0) fail("a result is missing");
    u32 crc = 0;
    for (long bytes; (bytes = call(SYS_read, file, buffer, sizeof buffer)) > 0;) crc = crc32_of(crc, buffer, bytes);
    call(SYS_close, file);
    return crc;
}

/** Runs busybox with its output in a file. */
static u32 busybox(char *const argv[], const char *out) {
    const long file = call(SYS_open, out, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    const long stdout = 1, kept = 100;
    call(SYS_dup2, stdout, kept);
    call(SYS_dup2, file, stdout);
    const int status = run("/bin/busybox", argv);
    call(SYS_dup2, kept, stdout);
    call(SYS_close, kept);
    call(SYS_close, file);
    return status;
}

u32 gzip(void) {
    static char *const argv[] = {"gzip", "-c", (char *)TEXT, 0};
    return busybox(argv, PACKED);
}

/** What comes out again when it is unpacked. */
u32 gzip_finish(void) {
    static char *const argv[] = {"gunzip", "-c", (char *)PACKED, 0};
    if (busybox(argv, SUM) != 0) return 0;
    return crc32_of_file(SUM);
}

u32 sha256sum(void) {
    static char *const argv[] = {"sha256sum", (char *)TEXT, 0};
    return busybox(argv, SUM);
}

u32 sha256sum_finish(void) { return crc32_of_file(SUM); }
