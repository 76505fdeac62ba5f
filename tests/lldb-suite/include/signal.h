/* What the suite's programs call of POSIX's signals beyond wasi-libc's emulation of `signal` and `raise`: the same emulation,
   under more names. A signal is a call of its handler, by the thread that sends it to itself; nobody else can send one. */
#ifndef SUITE_SIGNAL_H
#define SUITE_SIGNAL_H

#include_next <signal.h>
#ifdef _REENTRANT
#include <pthread.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define SA_RESTART 0x10000000
#define SIG_BLOCK 0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2

struct sigaction {
  union {
    void (*sa_handler)(int);
    void (*sa_sigaction)(int, void *, void *);
  };
  sigset_t sa_mask;
  int sa_flags;
};

static inline int sigemptyset(sigset_t *set) {
  *set = 0;
  return 0;
}

static inline int sigaction(int number, const struct sigaction *action, struct sigaction *old) {
  void (*before)(int) = signal(number, action ? action->sa_handler : SIG_DFL);
  if (!action && before != SIG_ERR)
    signal(number, before);
  if (old) {
    old->sa_handler = before;
    old->sa_mask = 0;
    old->sa_flags = 0;
  }
  return before == SIG_ERR ? -1 : 0;
}

#ifdef _REENTRANT
static inline int pthread_kill(pthread_t thread, int number) {
  return pthread_equal(thread, pthread_self()) ? raise(number) : -1;
}
#endif

#ifdef __cplusplus
}
#endif

#endif
