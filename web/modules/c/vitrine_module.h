/* What a module in plain C sees of its guest: the imports that web/modules/wasm_module.ts gives. Nothing else is linked.
 *
 * A module exports `void module_run(void)`. It attaches itself, calls ready(), and serves until wait_event gives STOP.
 * Memory of the guest is not memory of the module: copies and mapped accesses go through the calls below. Where a call
 * returns a negative number, that is -errno of Linux.
 */
#ifndef VITRINE_MODULE_H
#define VITRINE_MODULE_H

typedef unsigned char u8;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;

#define IMPORT(name) __attribute__((import_module("vitrine"), import_name(#name)))
#define EXPORT(name) __attribute__((export_name(#name)))

/* Bytes that were NOT copied. */
IMPORT(copy_to) u32 copy_to(u64 gpa, const void *from, u32 length);
IMPORT(copy_from) u32 copy_from(void *to, u64 gpa, u32 length);

/* Maps bytes inside one slot: a number for the calls below. */
IMPORT(vmap) i32 vmap(u64 gpa, u32 length);
IMPORT(vmap_read) i32 vmap_read(i32 map, u32 offset, void *to, u32 length);
IMPORT(vmap_write) i32 vmap_write(i32 map, u32 offset, const void *from, u32 length);
/* One aligned 32-bit word, at once. */
IMPORT(vmap_load) u32 vmap_load(i32 map, u32 offset);
IMPORT(vmap_store) i32 vmap_store(i32 map, u32 offset, u32 value);

/* A doorbell for writes of `length` bytes (0 = any) at `address`. */
#define IOEVENT_PIO 1
IMPORT(ioevent) i32 ioevent(u64 address, u32 length, u32 flags);
/* Sleeps until the bell rings: how often it rang, 0 after `ms` milliseconds, STOP when the module shall end. */
#define STOP (-1)
IMPORT(wait_event) i32 wait_event(i32 bell, u32 ms);
/* What was written to the bell last; 0 before. */
IMPORT(event_value) u64 event_value(i32 bell);

IMPORT(irqfd) i32 irqfd(u32 gsi);
IMPORT(raise) i32 raise(i32 interrupt);

/* Lets go of a map, a bell or an interrupt. */
IMPORT(release) i32 release(i32 object);

/* A number among the options; `fallback` where it is left out. */
IMPORT(option) u64 option(const char *name, u64 fallback);
/* Writes to the shared buffer among the options, if there is one; a word is written at once, and waiters are woken. */
IMPORT(output) i32 output(u32 offset, const void *from, u32 length);
IMPORT(output_word) i32 output_word(u32 offset, u32 value);
IMPORT(random_bytes) void random_bytes(void *to, u32 length);
/* Everything is attached: the guest may begin. */
IMPORT(ready) void ready(void);
/* A text for people. */
IMPORT(report) void report(const char *text, u32 length);
/* Ends the module with a sentence. */
IMPORT(fail) _Noreturn void fail(const char *sentence, u32 length);

#define FAIL(sentence) fail(sentence, sizeof(sentence) - 1)

/* An object number, or the end of the module. */
static inline i32 attached(i32 object) {
  if (object < 0) FAIL("an address or a line of the options cannot be attached");
  return object;
}

#endif
