// Checks for the programs that test calls: each says where it failed, and ends the program with code 1.
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

#define CHECK(what) \
  do { if (!(what)) { printf("%s:%d: not so: %s\n", __FILE_NAME__, __LINE__, #what); exit(1); } } while (0)

// An error number, or any other number, that a call returns.
#define GIVES(call, number) \
  do { \
    long long got_ = (call); \
    if (got_ != (number)) { \
      printf("%s:%d: %s gave %lld, not %s\n", __FILE_NAME__, __LINE__, #call, got_, #number); \
      exit(1); \
    } \
  } while (0)

#define OK(call) GIVES(call, 0)
#define ALL_RIGHTS (((__wasi_rights_t)1 << 30) - 1)
#define READ_RIGHTS (ALL_RIGHTS & ~__WASI_RIGHTS_FD_WRITE)
#define SECOND 1000000000ull

// A descriptor that is never open.
enum { NOWHERE = 12345 };

// The descriptor that follows `from` in the table and is a preopened directory of this name.
static inline __wasi_fd_t preopened(const char *name)
{
  char found[256];
  __wasi_prestat_t status;
  for (__wasi_fd_t fd = 3; __wasi_fd_prestat_get(fd, &status) == 0; fd++) {
    CHECK(status.tag == __WASI_PREOPENTYPE_DIR && status.u.dir.pr_name_len < sizeof found);
    OK(__wasi_fd_prestat_dir_name(fd, (uint8_t *)found, status.u.dir.pr_name_len));
    found[status.u.dir.pr_name_len] = 0;
    if (!strcmp(found, name)) return fd;
  }
  CHECK(!"preopened");
  return 0;
}

static inline __wasi_fd_t opened(__wasi_fd_t in, const char *path, __wasi_oflags_t how, __wasi_fdflags_t flags)
{
  __wasi_fd_t fd;
  // A directory cannot be opened for writing.
  __wasi_rights_t rights = how & __WASI_OFLAGS_DIRECTORY ? READ_RIGHTS : ALL_RIGHTS;
  OK(__wasi_path_open(in, 0, path, how, rights, rights, flags, &fd));
  return fd;
}

static inline void put(__wasi_fd_t fd, const char *text)
{
  __wasi_ciovec_t vector = {(const uint8_t *)text, strlen(text)};
  __wasi_size_t count;
  OK(__wasi_fd_write(fd, &vector, 1, &count));
  GIVES(count, (long long)strlen(text));
}

// What is to be read from where the file is, as text.
static inline const char *get(__wasi_fd_t fd)
{
  static char text[256];
  __wasi_iovec_t vector = {(uint8_t *)text, sizeof text - 1};
  __wasi_size_t count;
  OK(__wasi_fd_read(fd, &vector, 1, &count));
  text[count] = 0;
  return text;
}
