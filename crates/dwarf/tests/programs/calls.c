// Calls, locals, globals, structures, dead code. Compiled by the tests; lines that they name are marked.
#include <stdio.h>
#include <stdlib.h>

struct point { int x, y; };
struct box { struct point low, high; const char *label; };
struct pair { double a; int b; };
struct one { float only; };
struct big { long long parts[3]; };
union word { int i; float f; };

int g_counter = 41;
static const char *s_name = "name";
struct box g_box = { { 1, 2 }, { 3, 4 }, "box" };
int g_removed[4] = { 1, 2, 3, 4 };

int removed(int n) { struct point local = { n, n }; return local.x; }

__attribute__((noinline)) int leaf(int n) {  // LINE leaf
  int twice = n * 2;
  return twice + g_counter;
}

__attribute__((noinline)) int middle(int n, const struct box *b) {  // LINE middle
  int sum = leaf(n + 1);
  for (int i = 0; i < b->high.x; i++)
    sum += leaf(sum + i);
  return sum + 1;
}

__attribute__((noinline)) struct point make_point(int x) { struct point p = { x, x + 1 }; return p; }
__attribute__((noinline)) struct pair make_pair(int b) { struct pair p = { b * 0.5, b }; return p; }
__attribute__((noinline)) struct one make_one(int b) { struct one o = { b * 0.5f }; return o; }
__attribute__((noinline)) struct big make_big(int b) { struct big r = { { b, b, b } }; return r; }
__attribute__((noinline)) union word make_word(int i) { union word w; w.i = i; return w; }
__attribute__((noinline)) __int128 make_wide(int i) { return (__int128)i << 70; }
__attribute__((noinline)) int make_int(int i) { return i + 3; }

int main(int argc, char **argv) {  // LINE main
  struct point p = make_point(argc);
  struct pair q = make_pair(p.y);
  struct big r = make_big(q.b);
  int total = middle(p.x, &g_box) + (int)r.parts[1] + (int)make_one(3).only + make_word(4).i;
  total += (int)(make_wide(total) >> 70) + make_int(total);
  char *heap = malloc(8);
  printf("%s %d %p\n", s_name, total, (void *)heap);
  return argv[0] == 0;
}
