// A program that calls a library. Compiled by the tests; lines that they name are marked.
int middle(int n, const void *b);

__attribute__((noinline)) int leaf(int n) {
  int twice = n * 2;
  return twice;
}

int main(int argc, char **argv) {
  int total = middle(argc, argv);
  return total;
}
