// What a program is told of its world: arguments, environment, clocks, random bytes. Exits with a code above 125.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
  for (int i = 0; i < argc; i++) printf("arg %d [%s]\n", i, argv[i]);
  for (char **e = environ; *e; e++) printf("env [%s]\n", *e);
  struct timespec before, after, resolution, nap = { 0, 3000000 };
  clock_gettime(CLOCK_MONOTONIC, &before);
  nanosleep(&nap, NULL);
  clock_gettime(CLOCK_MONOTONIC, &after);
  long long slept = (after.tv_sec - before.tv_sec) * 1000000000ll + (after.tv_nsec - before.tv_nsec);
  printf("slept %d, after 2020 %d\n", slept >= 3000000, time(NULL) > 1577836800);
  printf("resolution %d\n", clock_getres(CLOCK_REALTIME, &resolution));
  unsigned char bytes[32] = { 0 };
  int any = 0, random = getentropy(bytes, sizeof bytes);
  for (int i = 0; i < 32; i++) any |= bytes[i];
  printf("random %d %d\n", random, any != 0);
  fprintf(stderr, "to stderr\n");
  exit(200);
}
