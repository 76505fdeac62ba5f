// A library: `middle` calls back, and has a function inlined. Compiled by the tests.
int leaf(int n);

static inline __attribute__((always_inline)) int inlined(int n) {
  int result = leaf(n + 1);
  return result * 2;
}

__attribute__((noinline)) int middle(int n, const void *b) {
  int sum = inlined(n);
  return sum + (b == 0);
}
