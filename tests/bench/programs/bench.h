// What every program of the benchmark is: `work` does the same each time and prints one line. It is called once for each
// line on standard input, so that the benchmark has all engines of a program wait, and lets them work in turn.
#include <stdio.h>
// Not inlined: the function that a breakpoint is set in.
#define HOT __attribute__((noinline))
static void work(void);
// Nothing touches what is watched in the middle of it.
char untouched[1 << 17];
// A breakpoint in it is never hit.
__attribute__((noinline, used)) void never(void) { puts(untouched); }
int main(int argc, char **argv)
{
  if (argc > 99) never();
  puts("ready");
  for (fflush(stdout); getchar() == '\n'; fflush(stdout)) work();
  return 0;
}
