// Floating point: a product of matrices and bodies under gravity. Compiled twice, for x87 and for SSE2, which differ in
// their results: x87 rounds to doubles only where the compiler spills.
#include "bench.h"

#define JOIN(a, b) JOIN_NOW(a, b)
#define JOIN_NOW(a, b) a##_##b

static u32 mix_double(u32 hash, double value) {
    union {
        double value;
        u32 halves[2];
    } both = {value};
    return mix(mix(hash, both.halves[0]), both.halves[1]);
}

enum { SIZE = 72 };
static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

u32 JOIN(matmul, UNIT)(void) {
    for (int row = 0; row < SIZE; row++) {
        for (int column = 0; column < SIZE; column++) {
            a[row][column] = (row * 3 + column) / 7.0;
            b[row][column] = (row - column * 2) / 11.0;
        }
    }
    for (int row = 0; row < SIZE; row++) {
        for (int column = 0; column < SIZE; column++) {
            double sum = 0;
            for (int at = 0; at < SIZE; at++) sum += a[row][at] * b[at][column];
            c[row][column] = sum;
        }
    }
    u32 hash = MIX;
    for (int at = 0; at < SIZE; at++) hash = mix_double(hash, c[at][SIZE - 1 - at]);
    return hash;
}

static double root(double value) {
#ifdef X87
    __asm__("fsqrt" : "+t"(value));
#else
    __asm__("sqrtsd %1, %0" : "=x"(value) : "x"(value));
#endif
    return value;
}

enum { BODIES = 5, MOVES = 2000 };

u32 JOIN(nbody, UNIT)(void) {
    struct {
        double at[3], speed[3], mass;
    } bodies[BODIES];
    for (int i = 0; i < BODIES; i++) {
        for (int axis = 0; axis < 3; axis++) {
            bodies[i].at[axis] = (i * 7 + axis * 5) % 11 - 4.5 + i / 8.0;
            bodies[i].speed[axis] = ((i * 3 + axis * 7) % 5 - 2) / 16.0;
        }
        bodies[i].mass = 1.0 / (1 + i);
    }
    for (int move = 0; move < MOVES; move++) {
        for (int i = 0; i < BODIES; i++) {
            for (int j = i + 1; j < BODIES; j++) {
                double away[3], square = 0.01;
                for (int axis = 0; axis < 3; axis++) {
                    away[axis] = bodies[i].at[axis] - bodies[j].at[axis];
                    square += away[axis] * away[axis];
                }
                const double pull = 0.01 / (square * root(square));
                for (int axis = 0; axis < 3; axis++) {
                    bodies[i].speed[axis] -= away[axis] * bodies[j].mass * pull;
                    bodies[j].speed[axis] += away[axis] * bodies[i].mass * pull;
                }
            }
        }
        for (int i = 0; i < BODIES; i++)
            for (int axis = 0; axis < 3; axis++) bodies[i].at[axis] += 0.01 * bodies[i].speed[axis];
    }
    u32 hash = MIX;
    for (int i = 0; i < BODIES; i++)
        for (int axis = 0; axis < 3; axis++) hash = mix_double(hash, bodies[i].speed[axis]);
    return hash;
}
