// Copies standard input to standard output in small reads, after a prompt that has no newline; then asks poll.
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
  write(1, "name? ", 6);
  char bytes[4];
  ssize_t count;
  while ((count = read(0, bytes, sizeof bytes)) > 0) write(1, bytes, count);
  struct pollfd fds[2] = { { .fd = 0, .events = POLLIN }, { .fd = 1, .events = POLLOUT } };
  int ready = poll(fds, 2, 1000);
  printf("end %zd, ready %d, in %d, out %d\n", count, ready, fds[0].revents != 0, fds[1].revents == POLLOUT);
  return 0;
}
