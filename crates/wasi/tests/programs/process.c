// args_*, environ_*, clock_*, random_get, sched_yield, proc_exit, proc_raise: what has to do with no descriptor.
#include "check.h"
#include <time.h>
#include <unistd.h>

// wasi-libc no longer declares it.
__attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_raise"))) int proc_raise(int signal);

static void strings(int (*sizes)(__wasi_size_t *, __wasi_size_t *), int (*values)(uint8_t **, uint8_t *), const char *word)
{
  __wasi_size_t count, size;
  OK(sizes(&count, &size));
  uint8_t **heads = malloc((count + 1) * sizeof *heads), *buffer = malloc(size + 1);
  heads[count] = (uint8_t *)&count;
  buffer[size] = '#';
  OK(values(heads, buffer));
  CHECK(heads[count] == (uint8_t *)&count && buffer[size] == '#');
  uint8_t *next = buffer;
  for (unsigned i = 0; i < count; i++) {
    CHECK(heads[i] == next);
    printf("%s [%s]\n", word, heads[i]);
    next += strlen((char *)heads[i]) + 1;
  }
  CHECK(next == buffer + size);
}

static int arg_sizes(__wasi_size_t *count, __wasi_size_t *size) { return __wasi_args_sizes_get(count, size); }
static int arg_values(uint8_t **heads, uint8_t *buffer) { return __wasi_args_get(heads, buffer); }
static int env_sizes(__wasi_size_t *count, __wasi_size_t *size) { return __wasi_environ_sizes_get(count, size); }
static int env_values(uint8_t **heads, uint8_t *buffer) { return __wasi_environ_get(heads, buffer); }

static void clocks(void)
{
  __wasi_timestamp_t before, after, resolution;
  for (int clock = __WASI_CLOCKID_REALTIME; clock <= __WASI_CLOCKID_MONOTONIC; clock++) {
    OK(__wasi_clock_res_get(clock, &resolution));
    CHECK(resolution > 0 && resolution <= SECOND);
    OK(__wasi_clock_time_get(clock, 1, &before));
    OK(__wasi_clock_time_get(clock, SECOND, &after));
    CHECK(clock == __WASI_CLOCKID_REALTIME || after >= before);
  }
  OK(__wasi_clock_time_get(__WASI_CLOCKID_REALTIME, 0, &after));
  CHECK(after > 1700000000 * SECOND);
  // It runs.
  OK(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 0, &before));
  do OK(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 0, &after)); while (after == before);
  for (int clock = __WASI_CLOCKID_PROCESS_CPUTIME_ID; clock <= __WASI_CLOCKID_THREAD_CPUTIME_ID; clock++) {
    GIVES(__wasi_clock_res_get(clock, &resolution), __WASI_ERRNO_BADF);
    GIVES(__wasi_clock_time_get(clock, 0, &after), __WASI_ERRNO_BADF);
  }
  GIVES(__wasi_clock_res_get(4, &resolution), __WASI_ERRNO_INVAL);
  GIVES(__wasi_clock_time_get(-1, 0, &after), __WASI_ERRNO_INVAL);
  CHECK(time(NULL) > 1700000000);
}

static void randoms(void)
{
  static uint8_t bytes[3 << 20];
  OK(__wasi_random_get(bytes, 0));
  CHECK(bytes[0] == 0);
  OK(__wasi_random_get(bytes + 1, sizeof bytes - 2));
  CHECK(bytes[0] == 0 && bytes[sizeof bytes - 1] == 0);
  // No run of 32 zeros, and every value about as often as another.
  static int counts[256];
  for (size_t i = 1, zeros = 0; i < sizeof bytes - 1; i++) {
    counts[bytes[i]]++;
    zeros = bytes[i] ? 0 : zeros + 1;
    CHECK(zeros < 32);
  }
  for (int i = 0; i < 256; i++) CHECK(counts[i] > 11000 && counts[i] < 13600);
  uint8_t some[256];
  CHECK(getentropy(some, sizeof some) == 0);
}

int main(int argc, char **argv)
{
  const char *how = argc > 1 ? argv[1] : "";
  if (!strcmp(how, "exit")) __wasi_proc_exit(strtoul(argv[2], NULL, 0));
  if (!strcmp(how, "raise")) return proc_raise(atoi(argv[2]));
  strings(arg_sizes, arg_values, "arg");
  strings(env_sizes, env_values, "env");
  clocks();
  randoms();
  OK(__wasi_sched_yield());
  printf("all right\n");
  return 0;
}
