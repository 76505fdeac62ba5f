// memory-bound integer work: sieve, counting sort, pointer chasing, memcpy/memset.
#include "bench.h"
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
static uint32_t seed = 12345;
HOT static uint32_t rnd(void) { seed ^= seed << 13; seed ^= seed >> 17; seed ^= seed << 5; return seed; }
static void work(void)
{
  enum { N = 2000000, M = 1 << 18 };
  uint8_t *sieve = malloc(N);
  uint32_t *next = malloc(M * sizeof *next), *perm = malloc(M * sizeof *perm);
  uint32_t sum = 0;
  seed = 12345;
  for (int k = 0; k < 6; k++) {
    memset(sieve, 1, N);
    for (uint32_t i = 2; i * i < N; i++)
      if (sieve[i])
        for (uint32_t j = i * i; j < N; j += i) sieve[j] = 0;
    for (uint32_t i = 2; i < N; i++) sum += sieve[i];
  }
  for (uint32_t i = 0; i < M; i++) perm[i] = i;
  for (uint32_t i = M - 1; i; i--) { uint32_t j = rnd() % (i + 1), t = perm[i]; perm[i] = perm[j]; perm[j] = t; }
  for (uint32_t i = 0; i < M; i++) next[perm[i]] = perm[(i + 1) % M];
  uint32_t p = 0;
  for (int i = 0; i < 2 * M; i++) p = next[p];
  sum += p;
  for (int k = 0; k < 20; k++) { memcpy(sieve + (k & 7), next, M); sum += sieve[k * 1000]; }
  free(sieve); free(next); free(perm);
  printf("memory %u\n", sum);
}
