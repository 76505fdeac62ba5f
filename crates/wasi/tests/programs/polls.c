// poll_oneoff: clocks of both kinds, relative and absolute, descriptors that are ready and that are not, many at once.
// Standard input is a pipe with five bytes, standard error one that nobody reads from and that is full.
#include "check.h"
#include <poll.h>
#include <time.h>
#include <unistd.h>

static __wasi_subscription_t after(uint64_t userdata, __wasi_clockid_t clock, uint64_t time, int absolute)
{
  __wasi_subscription_t subscription = {.userdata = userdata, .u.tag = __WASI_EVENTTYPE_CLOCK};
  subscription.u.u.clock = (__wasi_subscription_clock_t){.id = clock, .timeout = time, .precision = 1, .flags = absolute};
  return subscription;
}

static __wasi_subscription_t ready(uint64_t userdata, __wasi_eventtype_t type, __wasi_fd_t fd)
{
  __wasi_subscription_t subscription = {.userdata = userdata, .u.tag = type};
  subscription.u.u.fd_read.file_descriptor = fd;
  return subscription;
}

static uint64_t now(__wasi_clockid_t clock)
{
  __wasi_timestamp_t time;
  OK(__wasi_clock_time_get(clock, 1, &time));
  return time;
}

static void clocks(void)
{
  __wasi_event_t event;
  __wasi_size_t count;
  for (int clock = __WASI_CLOCKID_REALTIME; clock <= __WASI_CLOCKID_MONOTONIC; clock++)
    for (int absolute = 0; absolute < 2; absolute++) {
      uint64_t deadline = now(clock) + 3000000;
      __wasi_subscription_t one = after(77, clock, absolute ? deadline : 3000000, absolute);
      memset(&event, '#', sizeof event);
      OK(__wasi_poll_oneoff(&one, &event, 1, &count));
      CHECK(count == 1 && event.userdata == 77 && !event.error && event.type == __WASI_EVENTTYPE_CLOCK);
      // The clock of the day may be set meanwhile, but hardly here.
      CHECK(now(clock) >= deadline);
      // What is past is there at once.
      one = after(78, clock, 0, absolute);
      OK(__wasi_poll_oneoff(&one, &event, 1, &count));
      CHECK(count == 1 && event.userdata == 78);
    }
  __wasi_subscription_t one = after(1, __WASI_CLOCKID_PROCESS_CPUTIME_ID, 0, 1);
  GIVES(__wasi_poll_oneoff(&one, &event, 1, &count), __WASI_ERRNO_INVAL);
  one = after(1, 9, 0, 0);
  GIVES(__wasi_poll_oneoff(&one, &event, 1, &count), __WASI_ERRNO_INVAL);
  one = after(1, __WASI_CLOCKID_MONOTONIC, 0, 6);
  GIVES(__wasi_poll_oneoff(&one, &event, 1, &count), __WASI_ERRNO_INVAL);
  one = ready(1, 3, 0);
  GIVES(__wasi_poll_oneoff(&one, &event, 1, &count), __WASI_ERRNO_INVAL);
  GIVES(__wasi_poll_oneoff(&one, &event, 0, &count), __WASI_ERRNO_INVAL);
  struct timespec short_time = {0, 1000}, day;
  OK(nanosleep(&short_time, NULL));
  OK(clock_gettime(CLOCK_REALTIME, &day));
  OK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &day, NULL));
}

static void descriptors(void)
{
  __wasi_event_t events[4];
  __wasi_size_t count;
  const uint64_t hour = 3600 * SECOND;
  __wasi_fd_t file = opened(preopened("/work"), "file", __WASI_OFLAGS_CREAT, 0);
  put(file, "12345678");
  __wasi_filesize_t at;
  OK(__wasi_fd_seek(file, 2, __WASI_WHENCE_SET, &at));
  // Of a far deadline (by either clock), a pipe with bytes and one that is full, only the bytes make an event.
  for (int clock = __WASI_CLOCKID_REALTIME; clock <= __WASI_CLOCKID_MONOTONIC; clock++) {
    __wasi_subscription_t three[] = {after(1, clock, now(clock) + hour, 1), ready(2, __WASI_EVENTTYPE_FD_READ, 0),
      ready(3, __WASI_EVENTTYPE_FD_WRITE, 2)};
    memset(events, '#', sizeof events);
    OK(__wasi_poll_oneoff(three, events, 3, &count));
    GIVES(count, 1);
    CHECK(events[0].userdata == 2 && !events[0].error && events[0].type == __WASI_EVENTTYPE_FD_READ);
    GIVES(events[0].fd_readwrite.nbytes, 5);
    CHECK(*(unsigned char *)&events[1] == '#');
  }
  // Files on disk are always ready, and say how much is left.
  __wasi_subscription_t both[] = {ready(4, __WASI_EVENTTYPE_FD_READ, file), ready(5, __WASI_EVENTTYPE_FD_WRITE, file)};
  OK(__wasi_poll_oneoff(both, events, 2, &count));
  GIVES(count, 2);
  CHECK(events[0].userdata == 4 && events[0].fd_readwrite.nbytes == 6);
  CHECK(events[1].userdata == 5 && events[1].type == __WASI_EVENTTYPE_FD_WRITE && !events[1].error);
  // A deadline that comes while a descriptor stays as it is.
  __wasi_subscription_t full[] = {ready(6, __WASI_EVENTTYPE_FD_WRITE, 2), after(7, __WASI_CLOCKID_MONOTONIC, 2000000, 0)};
  OK(__wasi_poll_oneoff(full, events, 2, &count));
  CHECK(count == 1 && events[0].userdata == 7);
  __wasi_subscription_t bad = ready(8, __WASI_EVENTTYPE_FD_READ, NOWHERE);
  GIVES(__wasi_poll_oneoff(&bad, events, 1, &count), __WASI_ERRNO_BADF);
  struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.fd = file, .events = POLLOUT}};
  GIVES(poll(fds, 2, -1), 2);
  CHECK(fds[0].revents & POLLIN && fds[1].revents == POLLOUT);
  // After the last byte: the other side is gone.
  CHECK(!strcmp(get(0), "input"));
  __wasi_subscription_t end = ready(9, __WASI_EVENTTYPE_FD_READ, 0);
  OK(__wasi_poll_oneoff(&end, events, 1, &count));
  CHECK(count == 1 && events[0].fd_readwrite.flags == __WASI_EVENTRWFLAGS_FD_READWRITE_HANGUP);
  OK(__wasi_fd_close(file));
}

static void many(void)
{
  enum { MANY = 1000 };
  static __wasi_subscription_t subscriptions[MANY];
  static __wasi_event_t events[MANY];
  __wasi_size_t count;
  for (int i = 0; i < MANY; i++)
    subscriptions[i] = after(i, i % 2, i % 4 < 2 ? 0 : now(i % 2) + 3600 * SECOND, i % 4 >= 2);
  OK(__wasi_poll_oneoff(subscriptions, events, MANY, &count));
  GIVES(count, MANY / 2);
  for (int i = 0; i < MANY / 2; i++) GIVES(events[i].userdata, i * 2 - i % 2);
  GIVES(__wasi_poll_oneoff(subscriptions, events, 1 << 20, &count), __WASI_ERRNO_INVAL);
  GIVES(__wasi_poll_oneoff(subscriptions, events, -1, &count), __WASI_ERRNO_INVAL);
}

int main(void)
{
  clocks();
  descriptors();
  many();
  printf("all right\n");
  return 0;
}
