// 128-bit vectors: blurring and thresholding an image, a dot product, a vector checksum, lanes looked up in a table.
#include <stdint.h>
#include "bench.h"
#include <wasm_simd128.h>
enum { SIDE = 1024, SAMPLES = 1 << 16 };
static uint8_t image[SIDE * SIDE], blurred[SIDE * SIDE];
static float left[SAMPLES], right[SAMPLES];
HOT static void blur(const uint8_t *from, uint8_t *to)
{
  for (int y = 1; y < SIDE - 1; y++)
    for (int x = 16; x < SIDE - 16; x += 16) {
      const uint8_t *p = from + y * SIDE + x;
      v128_t across = wasm_u8x16_avgr(wasm_v128_load(p - 1), wasm_v128_load(p + 1));
      v128_t down = wasm_u8x16_avgr(wasm_v128_load(p - SIDE), wasm_v128_load(p + SIDE));
      wasm_v128_store(to + y * SIDE + x, wasm_u8x16_avgr(across, down));
    }
}
static uint32_t threshold(uint8_t *pixels, uint8_t limit)
{
  v128_t limits = wasm_u8x16_splat(limit), count = wasm_i32x4_splat(0);
  for (int i = 0; i < SIDE * SIDE; i += 16) {
    v128_t above = wasm_u8x16_gt(wasm_v128_load(pixels + i), limits);
    v128_t pairs = wasm_u16x8_extadd_pairwise_u8x16(wasm_v128_and(above, wasm_u8x16_splat(1)));
    count = wasm_i32x4_add(count, wasm_u32x4_extadd_pairwise_u16x8(pairs));
    wasm_v128_store(pixels + i, wasm_v128_bitselect(wasm_v128_load(pixels + i), wasm_u8x16_splat(9), above));
  }
  return (uint32_t)(wasm_i32x4_extract_lane(count, 0) + wasm_i32x4_extract_lane(count, 1) +
                    wasm_i32x4_extract_lane(count, 2) + wasm_i32x4_extract_lane(count, 3));
}
static float dot(const float *a, const float *b)
{
  v128_t sum = wasm_f32x4_splat(0), more = wasm_f32x4_splat(0);
  for (int i = 0; i < SAMPLES; i += 8) {
    sum = wasm_f32x4_add(sum, wasm_f32x4_mul(wasm_v128_load(a + i), wasm_v128_load(b + i)));
    more = wasm_f32x4_add(more, wasm_f32x4_mul(wasm_v128_load(a + i + 4), wasm_v128_load(b + i + 4)));
  }
  sum = wasm_f32x4_add(sum, more);
  return wasm_f32x4_extract_lane(sum, 0) + wasm_f32x4_extract_lane(sum, 1) + wasm_f32x4_extract_lane(sum, 2) +
         wasm_f32x4_extract_lane(sum, 3);
}
static v128_t mix(const uint8_t *bytes)
{
  v128_t state = wasm_i32x4_make(1, 2, 3, 4), table = wasm_i8x16_make(7, 2, 13, 4, 1, 11, 6, 15, 0, 9, 10, 5, 12, 3, 14, 8);
  for (int i = 0; i < SIDE * SIDE; i += 16) {
    state = wasm_v128_xor(state, wasm_v128_load(bytes + i));
    state = wasm_i32x4_mul(wasm_i8x16_swizzle(state, table), wasm_i32x4_splat(0x01000193));
    state = wasm_v128_or(wasm_i32x4_shl(state, 5), wasm_u32x4_shr(state, 27));
  }
  return state;
}
static void work(void)
{
  uint32_t above = 0;
  float sum = 0;
  for (int i = 0; i < SIDE * SIDE; i++) image[i] = (uint8_t)(i * 2654435761u >> 24);
  for (int i = 0; i < SAMPLES; i++) { left[i] = (float)(i % 13) - 6; right[i] = (float)(i % 7) - 3; }
  v128_t state = wasm_i32x4_splat(0);
  for (int r = 0; r < 150; r++) {
    blur(image, blurred);
    above += threshold(blurred, (uint8_t)(100 + r % 50));
    for (int k = 0; k < 10; k++) sum += dot(left + k, right);
    if (r % 4 == 0) state = wasm_v128_xor(state, mix(blurred));
  }
  printf("vectors %u %.1f %08x\n", above, (double)sum, (unsigned)wasm_i32x4_extract_lane(state, 1));
}
