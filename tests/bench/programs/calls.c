// call-heavy: fib, ackermann, tak, and calls through a function table.
#include "bench.h"
#include <stdlib.h>
HOT static unsigned fib(unsigned n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
HOT static unsigned ack(unsigned m, unsigned n) { return m == 0 ? n + 1 : n == 0 ? ack(m - 1, 1) : ack(m - 1, ack(m, n - 1)); }
HOT static int tak(int x, int y, int z) { return y >= x ? z : tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y)); }
typedef unsigned (*op)(unsigned);
static unsigned o1(unsigned x) { return x + 3; }
static unsigned o2(unsigned x) { return x * 5; }
static unsigned o3(unsigned x) { return x ^ 0x5bd1e995u; }
static unsigned o4(unsigned x) { return (x << 7) | (x >> 25); }
static op volatile table[4] = { o1, o2, o3, o4 };
static void work(void)
{
  unsigned h = 1;
  h ^= fib(28);
  h += ack(3, 6);
  h += (unsigned)tak(18, 12, 6);
  for (int i = 0; i < 8000000; i++)
    h = table[(h >> 3) & 3](h);
  printf("calls %u\n", h);
}
