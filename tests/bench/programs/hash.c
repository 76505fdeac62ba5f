// 32/64-bit integer mixing: SHA-256, a CRC, xoshiro and a bloom filter.
#include <stdint.h>
#include "bench.h"
#include <stdlib.h>
#include <string.h>
static uint32_t K[64];
static uint32_t ror(uint32_t x, int n) { return x >> n | x << (32 - n); }
HOT static void block(uint32_t h[8], const uint8_t *p)
{
  uint32_t w[64], s[8];
  for (int i = 0; i < 16; i++) w[i] = (uint32_t)p[4 * i] << 24 | p[4 * i + 1] << 16 | p[4 * i + 2] << 8 | p[4 * i + 3];
  for (int i = 16; i < 64; i++)
    w[i] = w[i - 16] + (ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] + (ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10);
  memcpy(s, h, sizeof s);
  for (int i = 0; i < 64; i++) {
    uint32_t t1 = s[7] + (ror(s[4], 6) ^ ror(s[4], 11) ^ ror(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + K[i] + w[i];
    uint32_t t2 = (ror(s[0], 2) ^ ror(s[0], 13) ^ ror(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    memmove(s + 1, s, 28);
    s[4] += t1;
    s[0] = t1 + t2;
  }
  for (int i = 0; i < 8; i++) h[i] += s[i];
}
static void work(void)
{
  uint32_t h[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, crc = ~0u, table[256];
  uint64_t x = 88172645463325252ull, acc = 0;
  static uint8_t buf[65536], bloom[1 << 16];
  memset(bloom, 0, sizeof bloom);
  for (int i = 0; i < 64; i++) K[i] = (uint32_t)(i * 2654435761u) ^ 0x428a2f98;
  for (uint32_t i = 0; i < 256; i++) { uint32_t c = i; for (int k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1; table[i] = c; }
  for (size_t i = 0; i < sizeof buf; i++) buf[i] = (uint8_t)(i * 7 + (i >> 8));
  for (int k = 0; k < 60; k++)
    for (size_t i = 0; i + 64 <= sizeof buf; i += 64) block(h, buf + i);
  for (int k = 0; k < 100; k++)
    for (size_t i = 0; i < sizeof buf; i++) crc = table[(crc ^ buf[i]) & 255] ^ crc >> 8;
  for (int i = 0; i < 3000000; i++) {
    x ^= x << 13; x ^= x >> 7; x ^= x << 17;
    acc += x * 0x9e3779b97f4a7c15ull >> 32;
    bloom[x >> 48] |= (uint8_t)(1 << (x & 7));
  }
  crc += bloom[777];
  printf("hash %08x %08x %llx\n", h[0], crc, (unsigned long long)acc);
}
