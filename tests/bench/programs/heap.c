// malloc/free and pointers: a hash map with string keys, binary trees, a linked list, qsort with a callback.
#include <stdint.h>
#include "bench.h"
#include <stdlib.h>
#include <string.h>
struct entry { struct entry *next; uint32_t hash; int value; char key[]; };
static struct entry *buckets[1 << 15];
HOT static uint32_t hash(const char *s) { uint32_t h = 2166136261u; while (*s) h = (h ^ (unsigned char)*s++) * 16777619u; return h; }
static int *lookup(const char *key)
{
  uint32_t h = hash(key);
  struct entry **b = &buckets[h & 32767];
  for (struct entry *e = *b; e; e = e->next) if (e->hash == h && !strcmp(e->key, key)) return &e->value;
  size_t n = strlen(key) + 1;
  struct entry *e = malloc(sizeof *e + n);
  e->next = *b; e->hash = h; e->value = 0;
  memcpy(e->key, key, n);
  *b = e;
  return &e->value;
}
struct tree { struct tree *l, *r; };
static struct tree *grow(int d) { struct tree *t = malloc(sizeof *t); t->l = d ? grow(d - 1) : 0; t->r = d ? grow(d - 1) : 0; return t; }
static int check(struct tree *t) { return 1 + (t->l ? check(t->l) + check(t->r) : 0); }
static void drop(struct tree *t) { if (t->l) { drop(t->l); drop(t->r); } free(t); }
static int cmp(const void *a, const void *b) { int x = *(const int *)a, y = *(const int *)b; return (x > y) - (x < y); }
static void work(void)
{
  long long s = 0;
  enum { Q = 50000 };
  int *v = malloc(Q * sizeof *v);
  char key[32];
  for (int i = 0; i < 200000; i++) {
    unsigned k = (unsigned)i * 2654435761u % 60000;
    char *p = key + sizeof key - 1;
    *p = 0;
    do *--p = (char)('0' + k % 10); while (k /= 10);
    *--p = 'k';
    s += ++*lookup(p);
  }
  for (int k = 0; k < 4; k++) { struct tree *t = grow(13); s += check(t); drop(t); }
  for (int k = 0; k < 2; k++) {
    for (int i = 0; i < Q; i++) v[i] = (int)((unsigned)(i + k) * 2654435761u >> 7);
    qsort(v, Q, sizeof *v, cmp);
    s += v[Q / 2];
  }
  for (unsigned b = 0; b < 1 << 15; b++)
    for (struct entry *next; buckets[b]; buckets[b] = next) { next = buckets[b]->next; free(buckets[b]); }
  free(v);
  printf("heap %lld\n", s);
}
