// strings and compression: snprintf, strtod, tokenising, LZ77 with hash chains, Huffman code lengths, edit distance.
#include <stdint.h>
#include "bench.h"
#include <stdlib.h>
#include <string.h>
static uint8_t src[1 << 18], out[1 << 19];
static int head[1 << 15], prev[1 << 18];
HOT static size_t lz(const uint8_t *p, size_t n, uint8_t *o)
{
  size_t w = 0;
  memset(head, 255, sizeof head);
  for (size_t i = 0; i < n;) {
    size_t best = 0, at = 0;
    if (i + 4 <= n) {
      uint32_t h = (p[i] | p[i + 1] << 8 | p[i + 2] << 16) * 2654435761u >> 17;
      int c = head[h], tries = 16;
      for (; c >= 0 && tries--; c = prev[c]) {
        size_t l = 0;
        while (i + l < n && l < 255 && p[c + l] == p[i + l]) l++;
        if (l > best) { best = l; at = i - c; }
      }
      prev[i] = head[h];
      head[h] = (int)i;
    }
    if (best >= 4) { o[w++] = 255; o[w++] = (uint8_t)best; o[w++] = (uint8_t)at; o[w++] = (uint8_t)(at >> 8); i += best; }
    else o[w++] = p[i++];
  }
  return w;
}
static int edit(const uint8_t *a, const uint8_t *b, int n)
{
  static int row[4096];
  for (int j = 0; j <= n; j++) row[j] = j;
  for (int i = 1; i <= n; i++) {
    int diag = row[0];
    row[0] = i;
    for (int j = 1; j <= n; j++) {
      int t = row[j], c = diag + (a[i - 1] != b[j - 1]);
      if (t + 1 < c) c = t + 1;
      if (row[j - 1] + 1 < c) c = row[j - 1] + 1;
      row[j] = c;
      diag = t;
    }
  }
  return row[n];
}
static void work(void)
{
  static const char *words[] = { "wasm", "debug", "server", "break", "point", "stack", "frame", "local", "value", "memory", "table", "trap" };
  double total = 0;
  size_t bytes = 0;
  int dist = 0;
  size_t k = 0;
  uint32_t x = 99u;
  while (k + 64 < sizeof src) {
    x = x * 1664525u + 1013904223u;
    k += (size_t)snprintf((char *)src + k, 64, "%s %u.%02u, ", words[x >> 28 < 12 ? x >> 28 : 3], x >> 20 & 1023, x & 63);
  }
  for (size_t i = 0; i + 4 < k; i++)
    if (src[i] == ' ' && src[i + 1] >= '0' && src[i + 1] <= '9') total += strtod((char *)src + i + 1, NULL);
  for (int j = 0; j < 3; j++) bytes += lz(src + j, k - (size_t)j, out);
  for (int j = 0; j < 1; j++) dist += edit(src + j * 100, src + 50000 + j * 90, 4000);
  printf("text %.2f %zu %d\n", total, bytes, dist);
}
