// Workloads that move memory: string instructions, words in a loop, and loads that wait for each other.
#include "bench.h"

enum { COPY_BYTES = 16 << 20, WORD_BYTES = 4 << 20 };

static u8 *from, *to;

static void fill(word bytes) {
    u32 state = 4;
    from = pages(bytes);
    to = pages(bytes);
    for (word at = 0; at < bytes; at += 4) *(u32 *)(from + at) = next_random(&state);
    // Pages that nobody has touched would be faults in the first turn.
    memset(to, 1, bytes);
}

static u32 sample(word bytes) {
    u32 hash = MIX;
    for (word at = 0; at < bytes; at += 65532) hash = mix(hash, *(u32 *)(to + at));
    return hash;
}

void memcpy_prepare(void) { fill(COPY_BYTES); }

/** 16 MiB with `rep movs`, in words of the processor. */
u32 memcpy_turn(void) {
    u8 *source = from, *target = to;
    word count = COPY_BYTES / sizeof(word);
#ifdef __x86_64__
    __asm__ volatile("rep movsq" : "+D"(target), "+S"(source), "+c"(count) : : "memory");
#else
    __asm__ volatile("rep movsl" : "+D"(target), "+S"(source), "+c"(count) : : "memory");
#endif
    return sample(COPY_BYTES);
}

void wordcopy_prepare(void) { fill(WORD_BYTES); }

/** 4 MiB by loads and stores of 32 bits. `volatile` keeps the compiler from putting a call of memcpy there. */
u32 wordcopy(void) {
    volatile u32 *source = (u32 *)from, *target = (u32 *)to;
    for (u32 at = 0; at < WORD_BYTES / 4; at += 4) {
        target[at] = source[at];
        target[at + 1] = source[at + 1];
        target[at + 2] = source[at + 2];
        target[at + 3] = source[at + 3];
    }
    return sample(WORD_BYTES);
}

// --- one ring through all lines of a block, in random order: no load can start before the last has ended ---

enum { LINE = 64, STEPS = 400000 };
static void **ring;

static void make_ring(u32 bytes) {
    const u32 lines = bytes / LINE;
    u8 *block = pages(bytes);
    u32 *order = pages(lines * 4);
    u32 state = 5;
    for (u32 at = 0; at < lines; at++) order[at] = at;
    // Sattolo's shuffle: one cycle through all.
    for (u32 at = lines - 1; at > 0; at--) {
        const u32 other = (next_random(&state) >> 8) % at, mine = order[at];
        order[at] = order[other], order[other] = mine;
    }
    for (u32 at = 0; at < lines; at++) *(void **)(block + at * LINE) = block + order[at] * LINE;
    release(order, lines * 4);
    ring = (void **)block;
}

void chase16k_prepare(void) { make_ring(16 << 10); }
void chase16m_prepare(void) { make_ring(16 << 20); }

u32 chase(void) {
    void **at = ring;
    for (u32 step = 0; step < STEPS; step++) at = *at;
    return (u32)((u8 *)at - (u8 *)ring);
}
