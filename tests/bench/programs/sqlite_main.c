// SQLite's own speed test in memory, as it is; what it says of times is left out.
#include "bench.h"
#include "sqlite3.h"
#include <stdlib.h>
#include <string.h>
static int say_nothing(const char *format, ...) { return 0; }
// speedtest1.c is part of this file: its output goes nowhere, and its `main` has another name.
#define main speed_test
#define printf say_nothing
#define SQLITE_SPEEDTEST1_WASM 1
#include "speedtest1.c"
#undef main
#undef printf
// What SQLite asks of an operating system is no more than this.
static int no_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) { file->pMethods = 0; return SQLITE_CANTOPEN; }
static int no_access(sqlite3_vfs *vfs, const char *name, int flags, int *out) { *out = 0; return SQLITE_OK; }
static int same_path(sqlite3_vfs *vfs, const char *name, int size, char *out) { strncpy(out, name, (size_t)size); return SQLITE_OK; }
static int not_random(sqlite3_vfs *vfs, int size, char *out) { memset(out, 4, (size_t)size); return size; }
static int no_clock(sqlite3_vfs *vfs, double *time) { *time = 2460000.5; return SQLITE_OK; }
static sqlite3_vfs none = { .iVersion = 1, .szOsFile = sizeof(sqlite3_file), .mxPathname = 256, .zName = "none", .xOpen = no_file,
  .xAccess = no_access, .xFullPathname = same_path, .xRandomness = not_random, .xCurrentTime = no_clock };
int sqlite3_os_init(void) { return sqlite3_vfs_register(&none, 1); }
int sqlite3_os_end(void) { return SQLITE_OK; }
static void work(void)
{
  char *words[] = { "speedtest1", "--memdb", "--nomemstat", "--verify", "--size", "2", "--testset", "main", 0 };
  if (speed_test(8, words)) abort();
  printf("sqlite %llu %02x%02x%02x%02x\n", (unsigned long long)g.nResByte, g.hash.r[0], g.hash.r[1], g.hash.r[2], g.hash.r[3]);
}
