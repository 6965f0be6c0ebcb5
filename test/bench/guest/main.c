// The guest program of the bench: `bench NAME TURNS` runs one workload between two lines on the console, at which the
// host reads the machine's CPU time. What a workload does stands in the other files.
#include "bench.h"

const Workload WORKLOADS[] = {
    {"sieve", 0, sieve, 0},
    {"sha256", sha256_prepare, sha256, 0},
    {"crc32", crc32_prepare, crc32, 0},
    {"quicksort", quicksort_prepare, quicksort, 0},
    {"dhrystone", 0, dhrystone, 0},
    {"memcpy", memcpy_prepare, memcpy_turn, 0},
    {"wordcopy", wordcopy_prepare, wordcopy, 0},
    {"chase16k", chase16k_prepare, chase, 0},
    {"chase16m", chase16m_prepare, chase, 0},
    {"matmul-x87", 0, matmul_x87, 0},
    {"matmul-sse2", 0, matmul_sse2, 0},
    {"nbody-x87", 0, nbody_x87, 0},
    {"nbody-sse2", 0, nbody_sse2, 0},
    {"getppid", 0, getppid_turn, 0},
    {"fork", 0, fork_turn, 0},
    {"exec", 0, exec_turn, 0},
    {"faults", 0, faults, 0},
    {"pipe", 0, pipe_turn, 0},
    {"sieve-1", sieve_prepare, sieve_alone, 0},
    {"sieve-2", sieve_prepare, sieve_pair, 0},
    {"mixed-1", mixed_prepare, mixed_alone, 0},
    {"mixed-2", mixed_prepare, mixed_pair, 0},
    {"gzip", text_prepare, gzip, gzip_finish},
    {"sha256sum", text_prepare, sha256sum, sha256sum_finish},
    {0, 0, 0, 0},
};

/** So long nothing happens about a marker: a host that sees it late reads the same CPU time. */
enum { QUIET_MS = 50, CONSOLE_LEVEL = 8 };

static void measure(const Workload *workload, u32 turns) {
    // Messages of the kernel shall not stand in our lines. Without the right to say so it is no guest of ours.
    call(SYS_syslog, CONSOLE_LEVEL, 0, 1);
    if (workload->prepare) workload->prepare();
    print("\n@bench start ");
    print(workload->name);
    print("\n");
    sleep_ms(QUIET_MS);
    const u32 result = workload->turn();
    u32 wrong = 0;
    for (u32 turn = 1; turn < turns; turn++) wrong += workload->turn() != result;
    print("\n@bench end ");
    print(workload->name);
    print("\n");
    sleep_ms(QUIET_MS);
    // What the turns gave, and how many of them gave something else than the first.
    print("\n@bench result ");
    print(workload->name);
    print(" ");
    print_number(workload->finish ? workload->finish() : result);
    print(" ");
    print_number(wrong);
    print("\n");
}

void start(word *stack) {
    const char **argv = (const char **)(stack + 1);
    if (stack[0] == 2 && same(argv[1], "done")) {
        print("\n@bench done\n");
        call(SYS_exit, 0);
    }
    if (stack[0] != 3) fail("usage: bench NAME TURNS");
    u32 turns = 0;
    for (const char *at = argv[2]; *at; at++) turns = turns * 10 + (*at - '0');
    for (const Workload *each = WORKLOADS; each->name; each++) {
        if (!same(each->name, argv[1])) continue;
        measure(each, turns);
        call(SYS_exit, 0);
    }
    fail("there is no such workload");
}
