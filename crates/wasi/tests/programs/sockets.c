// sock_accept, sock_recv, sock_send, sock_shutdown: descriptor 3 listens (four peers come), 4 is connected to one that
// sends "hello world", then "abcdef" in pieces, and then echoes until it is told that there is no more.
#include "check.h"
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTENS = 3, CONNECTED = 4 };

static int received(__wasi_fd_t fd, void *to, unsigned size, int flags)
{
  __wasi_iovec_t vectors[2] = {{to, size / 2}, {(uint8_t *)to + size / 2, size - size / 2}};
  __wasi_size_t count = 99;
  __wasi_roflags_t result = 99;
  OK(__wasi_sock_recv(fd, vectors, 2, flags, &count, &result));
  GIVES(result, 0);
  return count;
}

static void receiving_and_sending(void)
{
  char bytes[64] = "";
  // A look does not take anything.
  CHECK(received(CONNECTED, bytes, 10, __WASI_RIFLAGS_RECV_PEEK) > 0 && bytes[0] == 'h');
  GIVES(received(CONNECTED, bytes, 11, __WASI_RIFLAGS_RECV_WAITALL), 11);
  CHECK(!memcmp(bytes, "hello world", 12));
  // All means all, though they come one by one.
  GIVES(received(CONNECTED, bytes, 6, __WASI_RIFLAGS_RECV_WAITALL), 6);
  CHECK(!memcmp(bytes, "abcdef", 6));
  __wasi_ciovec_t out[2] = {{(const uint8_t *)"to and", 6}, {(const uint8_t *)" fro", 4}};
  __wasi_size_t count;
  OK(__wasi_sock_send(CONNECTED, out, 2, 0, &count));
  GIVES(count, 10);
  GIVES(received(CONNECTED, bytes, 10, __WASI_RIFLAGS_RECV_WAITALL), 10);
  CHECK(!memcmp(bytes, "to and fro", 10));
  // The same as a file.
  put(CONNECTED, "x");
  CHECK(!strcmp(get(CONNECTED), "x"));
  GIVES(send(CONNECTED, "y", 1, 0), 1);
  GIVES(recv(CONNECTED, bytes, 1, 0), 1);
  CHECK(bytes[0] == 'y');
  // Nothing is there, and it is not waited for.
  OK(__wasi_fd_fdstat_set_flags(CONNECTED, __WASI_FDFLAGS_NONBLOCK));
  __wasi_iovec_t in = {(uint8_t *)bytes, sizeof bytes};
  __wasi_roflags_t flags;
  GIVES(__wasi_sock_recv(CONNECTED, &in, 1, 0, &count, &flags), __WASI_ERRNO_AGAIN);
  GIVES(__wasi_sock_recv(CONNECTED, &in, 1, __WASI_RIFLAGS_RECV_WAITALL, &count, &flags), __WASI_ERRNO_AGAIN);
  OK(__wasi_fd_fdstat_set_flags(CONNECTED, 0));
  GIVES(__wasi_sock_recv(CONNECTED, &in, 1, 4, &count, &flags), __WASI_ERRNO_INVAL);
  // The end: what is wanted and does not come.
  OK(__wasi_sock_shutdown(CONNECTED, __WASI_SDFLAGS_WR));
  GIVES(received(CONNECTED, bytes, 10, __WASI_RIFLAGS_RECV_WAITALL), 0);
  GIVES(received(CONNECTED, bytes, 10, 0), 0);
  GIVES(__wasi_sock_send(CONNECTED, out, 2, 0, &count), __WASI_ERRNO_PIPE);
  OK(__wasi_fd_close(CONNECTED));
}

static void accepting(void)
{
  __wasi_fd_t fd;
  __wasi_fdstat_t status;
  OK(__wasi_fd_fdstat_get(LISTENS, &status));
  GIVES(status.fs_filetype, __WASI_FILETYPE_SOCKET_STREAM);
  for (int i = 0; i < 3; i++) {
    OK(__wasi_sock_accept(LISTENS, i ? __WASI_FDFLAGS_NONBLOCK : 0, &fd));
    CHECK(fd > CONNECTED);
    OK(__wasi_fd_fdstat_get(fd, &status));
    GIVES(status.fs_flags, i ? __WASI_FDFLAGS_NONBLOCK : 0);
    GIVES(status.fs_filetype, __WASI_FILETYPE_SOCKET_STREAM);
    put(fd, "welcome");
    OK(__wasi_sock_shutdown(fd, __WASI_SDFLAGS_RD | __WASI_SDFLAGS_WR));
    OK(__wasi_fd_close(fd));
  }
  int accepted = accept(LISTENS, NULL, NULL);
  CHECK(accepted > CONNECTED && send(accepted, "welcome", 7, 0) == 7 && close(accepted) == 0);
  // Nobody else comes.
  OK(__wasi_fd_fdstat_set_flags(LISTENS, __WASI_FDFLAGS_NONBLOCK));
  GIVES(__wasi_sock_accept(LISTENS, 0, &fd), __WASI_ERRNO_AGAIN);
  GIVES(__wasi_sock_accept(LISTENS, __WASI_FDFLAGS_APPEND | 0x40, &fd), __WASI_ERRNO_INVAL);
  OK(__wasi_fd_close(LISTENS));
}

static void refusals(void)
{
  uint8_t bytes[8];
  __wasi_iovec_t in = {bytes, sizeof bytes};
  __wasi_ciovec_t out = {bytes, sizeof bytes};
  __wasi_size_t count;
  __wasi_roflags_t flags;
  __wasi_fd_t fd;
  const __wasi_fd_t fds[] = {NOWHERE, -1, 0};
  for (int i = 0; i < 3; i++) {
    GIVES(__wasi_sock_accept(fds[i], 0, &fd), __WASI_ERRNO_BADF);
    GIVES(__wasi_sock_recv(fds[i], &in, 1, 0, &count, &flags), __WASI_ERRNO_BADF);
    GIVES(__wasi_sock_send(fds[i], &out, 1, 0, &count), __WASI_ERRNO_BADF);
    GIVES(__wasi_sock_shutdown(fds[i], __WASI_SDFLAGS_RD), __WASI_ERRNO_BADF);
  }
  GIVES(__wasi_sock_shutdown(CONNECTED, 0), __WASI_ERRNO_INVAL);
  GIVES(__wasi_sock_shutdown(CONNECTED, 4), __WASI_ERRNO_INVAL);
}

int main(void)
{
  refusals();
  receiving_and_sending();
  accepting();
  printf("all right\n");
  return 0;
}
