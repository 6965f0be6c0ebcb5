// Integer workloads: loops over arrays, rotations, tables, recursion, and small records with strings and calls.
#include "bench.h"

enum { LIMIT = 2000000 };

static u8 composite[LIMIT];

u32 sieve(void) {
    memset(composite, 0, LIMIT);
    for (u32 step = 2; step * step < LIMIT; step++) {
        if (composite[step]) continue;
        for (u32 at = step * step; at < LIMIT; at += step) composite[at] = 1;
    }
    u32 primes = 0;
    for (u32 at = 2; at < LIMIT; at++) primes += !composite[at];
    return primes;
}

// --- SHA-256 (FIPS 180-4) of 256 KiB ---

enum { SHA_BYTES = 1 << 18 };
static u8 message[SHA_BYTES];
/** The fractions of the cube roots of the first 64 primes, and of the square roots of the first eight. */
static const u32 ROUND_CONSTANTS[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
static const u32 FIRST_HASH[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

void sha256_prepare(void) {
    u32 state = 1;
    for (u32 at = 0; at < SHA_BYTES; at++) message[at] = next_random(&state) >> 24;
}

static inline u32 turned(u32 value, int bits) { return value >> bits | value << (32 - bits); }

static void sha256_block(u32 hash[8], const u8 *block) {
    u32 w[64];
    for (int i = 0; i < 16; i++, block += 4)
        w[i] = (u32)block[0] << 24 | block[1] << 16 | block[2] << 8 | block[3];
    for (int i = 16; i < 64; i++) {
        const u32 a = turned(w[i - 15], 7) ^ turned(w[i - 15], 18) ^ w[i - 15] >> 3;
        const u32 b = turned(w[i - 2], 17) ^ turned(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    u32 a = hash[0], b = hash[1], c = hash[2], d = hash[3], e = hash[4], f = hash[5], g = hash[6], h = hash[7];
    for (int i = 0; i < 64; i++) {
        const u32 more = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + ROUND_CONSTANTS[i] + w[i];
        const u32 other = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + more, d = c, c = b, b = a, a = more + other;
    }
    hash[0] += a, hash[1] += b, hash[2] += c, hash[3] += d, hash[4] += e, hash[5] += f, hash[6] += g, hash[7] += h;
}

u32 sha256(void) {
    u32 hash[8];
    memcpy(hash, FIRST_HASH, sizeof hash);
    for (u32 at = 0; at < SHA_BYTES; at += 64) sha256_block(hash, message + at);
    u8 last[64] = {0x80};
    last[61] = SHA_BYTES >> 13 & 255, last[60] = SHA_BYTES >> 21 & 255;
    sha256_block(hash, last);
    return hash[0];
}

// --- CRC-32 of 1 MiB with a table of bytes ---

enum { CRC_BYTES = 1 << 20 };
static u32 crc_table[256];
static u8 crc_data[CRC_BYTES];

void crc32_prepare(void) {
    for (u32 at = 0; at < 256; at++) {
        u32 crc = at;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
        crc_table[at] = crc;
    }
    u32 state = 2;
    for (u32 at = 0; at < CRC_BYTES; at++) crc_data[at] = next_random(&state) >> 24;
}

u32 crc32_of(u32 crc, const u8 *at, word bytes) {
    crc = ~crc;
    while (bytes--) crc = crc >> 8 ^ crc_table[(crc ^ *at++) & 255];
    return ~crc;
}

u32 crc32(void) { return crc32_of(0, crc_data, CRC_BYTES); }

// --- quicksort of 200,000 numbers ---

enum { NUMBERS = 200000 };
static u32 unsorted[NUMBERS], numbers[NUMBERS];

void quicksort_prepare(void) {
    u32 state = 3;
    for (u32 at = 0; at < NUMBERS; at++) unsorted[at] = next_random(&state);
}

static void sort(u32 *first, u32 *last) {
    while (first < last) {
        const u32 pivot = first[(last - first) / 2];
        u32 *low = first - 1, *high = last + 1;
        for (;;) {
            do low++;
            while (*low < pivot);
            do high--;
            while (*high > pivot);
            if (low >= high) break;
            const u32 other = *low;
            *low = *high, *high = other;
        }
        sort(first, high);
        first = high + 1;
    }
}

u32 quicksort(void) {
    memcpy(numbers, unsorted, sizeof numbers);
    sort(numbers, numbers + NUMBERS - 1);
    u32 hash = MIX;
    for (u32 at = 0; at < NUMBERS; at += 97) hash = mix(hash, numbers[at]);
    return hash;
}

// --- what business programs did in 1984: records, strings, small procedures that nothing inlines ---

typedef struct Record {
    struct Record *next;
    int kind, amount;
    char title[32];
} Record;

#define PROCEDURE __attribute__((noinline)) static

static Record records[2];
static int table[50], grid[50][50];
static const char TITLES[2][32] = {"A TITLE OF THIRTY CHARACTERS 1", "A TITLE OF THIRTY CHARACTERS 2"};

PROCEDURE void copy_text(char *to, const char *from) {
    while ((*to++ = *from++)) {
    }
}

PROCEDURE int compare_text(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a - *b;
}

PROCEDURE int add_to(int amount, int more) { return amount + 2 + more; }

PROCEDURE int kind_of(int kind) {
    switch (kind) {
        case 0: return 3;
        case 1: return table[8] > 100 ? 0 : 3;
        case 2: return 1;
        case 4: return 2;
        default: return kind;
    }
}

PROCEDURE void fill_tables(int at, int value) {
    table[at + 5] = value;
    table[at + 6] = table[at + 5];
    table[at + 35] = at + 5;
    for (int column = at + 5; column <= at + 6; column++) grid[at + 5][column] = at + 5;
    grid[at + 5][at + 4]++;
    grid[at + 25][at + 5] = table[at + 5];
}

PROCEDURE void change(Record *record) {
    *record->next = *record;
    record->amount = 5;
    record->next->amount = record->amount;
    record->next->kind = kind_of(record->kind);
    record->next->amount = add_to(record->next->amount, 10);
}

u32 dhrystone(void) {
    enum { LOOPS = 50000 };
    char text[32];
    u32 hash = MIX;
    memset(grid, 0, sizeof grid);
    memset(records, 0, sizeof records);
    records[0].next = records + 1;
    records[0].kind = 2;
    copy_text(records[0].title, TITLES[0]);
    for (int loop = 1; loop <= LOOPS; loop++) {
        int one = 2, three = 0;
        copy_text(text, TITLES[loop & 1]);
        const int is_same = compare_text(text, TITLES[0]) == 0;
        while (one < 3) three = add_to(5 * one, -loop % 7), one++;
        fill_tables(one, three);
        change(records);
        records[0].kind = is_same ? 2 : 4;
        one = (three * 7 + loop) / (one + records[1].amount % 3) - table[8];
        hash = mix(hash, one + records[1].kind + grid[8][7]);
    }
    return hash;
}
