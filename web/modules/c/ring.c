/* The ring of ring.ts in C: descriptors in guest memory, a doorbell to this side, an interrupt back. It sends every text
 * back in capitals. All that goes on lies in guest memory: u32 count, head (the guest's), tail (this side's). */
#include "vitrine_module.h"

#define HEAD 4u
#define TAIL 8u
#define DESCRIPTORS 64u
#define COUNT_MAX 256u
#define TEXT_MAX 4096u

/* As it lies in the guest. */
struct descriptor {
  u64 address;
  u32 length;
  u32 done;
};

static u8 text[TEXT_MAX];

static void serve(i32 map, u32 at) {
  struct descriptor descriptor;
  vmap_read(map, at, &descriptor, sizeof descriptor);
  u32 length = descriptor.length < TEXT_MAX ? descriptor.length : TEXT_MAX;
  length -= copy_from(text, descriptor.address, length);
  for (u32 n = 0; n < length; n++)
    if (text[n] >= 'a' && text[n] <= 'z') text[n] -= 'a' - 'A';
  u32 left = copy_to(descriptor.address, text, length);
  vmap_store(map, at + 12, length - left);
  report((const char *)text, length);
}

EXPORT(module_run) void module_run(void) {
  u32 pio = option("pio", 0) ? IOEVENT_PIO : 0;
  u32 count = (u32)option("count", 16);
  if (count == 0 || count > COUNT_MAX || (count & (count - 1)) != 0) FAIL("option count is no power of 2 up to 256");
  i32 interrupt = attached(irqfd((u32)option("gsi", 0)));
  i32 map = attached(vmap(option("ring", 0), DESCRIPTORS + count * sizeof(struct descriptor)));
  i32 bell = attached(ioevent(option("doorbell", 0), 4, pio));
  ready();
  /* What was published before has nobody to ring for it: the first look needs no bell. */
  do {
    u32 tail = vmap_load(map, TAIL);
    u32 some = vmap_load(map, HEAD) - tail;
    /* A head beyond the ring is the guest's fault; it gets one turn. */
    if (some > count) some = count;
    for (u32 n = 0; n < some; n++) {
      serve(map, DESCRIPTORS + (tail & (count - 1)) * sizeof(struct descriptor));
      vmap_store(map, TAIL, ++tail);
    }
    if (some > 0) raise(interrupt);
  } while (wait_event(bell, 1000) != STOP);
}
