/* The random device of random.ts in C: the guest names a buffer and rings, the module fills it and interrupts. */
#include "vitrine_module.h"

#define RANDOM_MAX 65536u
#define REQUEST_SIZE 16u

/* As it lies in the guest. */
struct request {
  u64 address;
  u32 length;
  u32 done;
};

static u8 bytes[RANDOM_MAX];

EXPORT(module_run) void module_run(void) {
  u32 pio = option("pio", 0) ? IOEVENT_PIO : 0;
  i32 interrupt = attached(irqfd((u32)option("gsi", 0)));
  i32 map = attached(vmap(option("request", 0), REQUEST_SIZE));
  i32 bell = attached(ioevent(option("doorbell", 0), 4, pio));
  ready();
  for (i32 rings; (rings = wait_event(bell, 1000)) != STOP;) {
    if (rings == 0) continue;
    struct request request;
    vmap_read(map, 0, &request, REQUEST_SIZE);
    u32 length = request.length < RANDOM_MAX ? request.length : RANDOM_MAX;
    random_bytes(bytes, length);
    u32 left = copy_to(request.address, bytes, length);
    vmap_store(map, 12, length - left);
    raise(interrupt);
    report("filled", 6);
  }
}
