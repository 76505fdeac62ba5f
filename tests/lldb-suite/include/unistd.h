/* wasi-libc's, and what the suite's programs call that can only fail here: there is one process. */
#ifndef SUITE_UNISTD_H
#define SUITE_UNISTD_H

#include_next <unistd.h>
#include <errno.h>

static inline pid_t fork(void) {
  errno = ENOSYS;
  return -1;
}

static inline pid_t vfork(void) { return fork(); }

#endif
