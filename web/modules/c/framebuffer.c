/* The frame buffer of framebuffer.ts in C: pixels 0x00RRGGBB in guest memory become RGBA in the output buffer, behind a
 * header of four words: sequence (odd while a frame is written), frame number, width, height. */
#include "vitrine_module.h"

#define SEQUENCE 0u
#define FRAME 4u
#define WIDTH 8u
#define HEIGHT 12u
#define HEADER 16u
#define SIDE_MAX 4096u

static u8 row[SIDE_MAX * 4];

EXPORT(module_run) void module_run(void) {
  u32 pio = option("pio", 0) ? IOEVENT_PIO : 0;
  u32 width = (u32)option("width", 0), height = (u32)option("height", 0);
  if (width > SIDE_MAX || height > SIDE_MAX) FAIL("options width and height are at most 4096");
  i32 map = attached(vmap(option("pixels", 0), width * height * 4));
  i32 bell = attached(ioevent(option("doorbell", 0), 4, pio));
  u32 sequence = 0;
  output_word(WIDTH, width);
  output_word(HEIGHT, height);
  ready();
  for (i32 rings; (rings = wait_event(bell, 1000)) != STOP;) {
    if (rings == 0) continue;
    output_word(SEQUENCE, ++sequence);
    for (u32 y = 0; y < height; y++) {
      vmap_read(map, y * width * 4, row, width * 4);
      for (u32 x = 0; x < width * 4; x += 4) {
        u8 blue = row[x];
        row[x] = row[x + 2];
        row[x + 2] = blue;
        row[x + 3] = 255;
      }
      output(HEADER + y * width * 4, row, width * 4);
    }
    output_word(FRAME, (u32)event_value(bell));
    output_word(SEQUENCE, ++sequence);
    report("frame", 5);
  }
}
