// The first instruction, system calls and the few words of a C library that the workloads use.
#include "bench.h"

#ifdef __x86_64__
__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call start\n");

long call6(long number, long a, long b, long c, long d, long e, long f) {
    long result;
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#else
__asm__(".globl _start\n_start: mov %esp, %eax\n and $-16, %esp\n sub $12, %esp\n push %eax\n call start\n");

// The sixth argument is in ebp, which the compiler may hold something in.
long call6(long number, long a, long b, long c, long d, long e, long f) {
    long result;
    __asm__ volatile("push %%ebp\n mov (%%eax), %%ebp\n mov 4(%%eax), %%eax\n int $0x80\n pop %%ebp"
                     : "=a"(result)
                     : "a"((long[]){f, number}), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                     : "memory");
    return result;
}
#endif

// The compiler calls these two for structures and for loops that it knows again.
void *memcpy(void *to, const void *from, word bytes) {
    void *at = to;
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(bytes) : : "memory");
    return to;
}

void *memset(void *to, int value, word bytes) {
    void *at = to;
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(value) : "memory");
    return to;
}

int same(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

void print(const char *text) {
    word bytes = 0;
    while (text[bytes]) bytes++;
    call(SYS_write, 1, text, bytes);
}

void print_number(u32 number) {
    char text[11], *at = text + 10;
    *at = 0;
    do *--at = '0' + number % 10;
    while (number /= 10);
    print(at);
}

void fail(const char *sentence) {
    print("\n@bench fail ");
    print(sentence);
    print("\n");
    call(SYS_exit, 1);
    __builtin_unreachable();
}

void sleep_ms(int milliseconds) {
    const long time[2] = {0, milliseconds * 1000000L};
    call(SYS_nanosleep, time, 0);
}

void *pages(word bytes) {
    // PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS
    const long at = call(SYS_mmap, 0, bytes, 3, 0x22, -1, 0);
    if (at < 0 && at > -4096) fail("no memory");
    return (void *)at;
}

void release(void *at, word bytes) { call(SYS_munmap, at, bytes); }

int wait_for(long pid) {
    int status = -1;
    if (call(SYS_wait4, pid, &status, 0, 0) != pid) fail("wait4");
    return status;
}

int run(const char *path, char *const argv[]) {
    const long pid = call(SYS_fork);
    if (pid < 0) fail("fork");
    if (pid == 0) {
        static char *const none[] = {0};
        if (path) call(SYS_execve, path, argv, none);
        call(SYS_exit, path ? 127 : 0);
    }
    return wait_for(pid);
}
