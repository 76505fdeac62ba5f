// A program without a C library, small enough to be converted thousands of times.
typedef struct { int x; double y; char *name; } item;
typedef int (*binary)(int, int);
enum kind { NONE, SOME = 4 };
union both { int i; float f; };

static item items[3] = { { 1, 1.5, "one" }, { 2, 2.5, "two" } };
int counter;
_Thread_local int per_thread = 3;

static inline __attribute__((always_inline)) int twice(int n) { int result = n * 2; return result; }
static int add(int a, int b) { return a + b; }
int dead(int n) { return n + 1; }

item copy(const item *from, enum kind kind) {
  item local = *from;
  union both u = { .i = kind };
  for (int i = 0; i < 3; i++) {
    int inner = twice(i) + (int)u.f;
    local.x += inner + per_thread;
  }
  return local;
}

__attribute__((export_name("run"))) int run(int n, long long wide) {
  binary op = add;
  unsigned part = (unsigned)(wide >> 3);
  item it = copy(&items[n % 3], SOME);
  counter = op(it.x, n) + (int)part;
  return counter;
}
