// Every path_ call under /work, and attempts to leave it: by dots, absolute paths, and links that the host or the program
// made. Nothing outside of it (the files beside it are called "secret") may be seen, changed or made.
#include "check.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static __wasi_fd_t work;

static int open_errno(const char *path, int follow, __wasi_oflags_t how)
{
  __wasi_fd_t fd;
  int errno_ = __wasi_path_open(work, follow, path, how, ALL_RIGHTS, ALL_RIGHTS, 0, &fd);
  if (!errno_) OK(__wasi_fd_close(fd));
  return errno_;
}

static void opening(void)
{
  GIVES(open_errno("file", 0, 0), __WASI_ERRNO_NOENT);
  OK(open_errno("file", 0, __WASI_OFLAGS_CREAT));
  OK(open_errno("file", 0, __WASI_OFLAGS_CREAT));
  GIVES(open_errno("file", 0, __WASI_OFLAGS_CREAT | __WASI_OFLAGS_EXCL), __WASI_ERRNO_EXIST);
  GIVES(open_errno("file", 0, __WASI_OFLAGS_DIRECTORY), __WASI_ERRNO_NOTDIR);
  GIVES(open_errno("file/x", 0, 0), __WASI_ERRNO_NOTDIR);
  GIVES(open_errno("", 0, 0), __WASI_ERRNO_NOENT);
  GIVES(open_errno("missing/x", 0, __WASI_OFLAGS_CREAT), __WASI_ERRNO_NOENT);
  GIVES(open_errno("new", 0, __WASI_OFLAGS_CREAT | __WASI_OFLAGS_DIRECTORY), __WASI_ERRNO_INVAL);
  GIVES(open_errno("\xff\xfe", 0, __WASI_OFLAGS_CREAT), __WASI_ERRNO_ILSEQ);
  GIVES(open_errno("file", 0, 0x10), __WASI_ERRNO_INVAL);
  GIVES(open_errno("file", 2, 0), __WASI_ERRNO_INVAL);
  put(opened(work, "file", 0, 0), "text");
  OK(open_errno("file", 0, __WASI_OFLAGS_TRUNC));
  CHECK(!strcmp(get(opened(work, "file", 0, 0)), ""));
  put(opened(work, "file", 0, 0), "text");
  __wasi_fd_t fd;
  // A directory is opened for reading only.
  GIVES(open_errno(".", 0, 0), __WASI_ERRNO_ISDIR);
  OK(__wasi_path_open(work, 0, ".", __WASI_OFLAGS_DIRECTORY, READ_RIGHTS, READ_RIGHTS, 0, &fd));
  GIVES(__wasi_path_open(0, 0, "file", 0, ALL_RIGHTS, ALL_RIGHTS, 0, &fd), __WASI_ERRNO_NOTDIR);
  GIVES(__wasi_path_open(NOWHERE, 0, "file", 0, ALL_RIGHTS, ALL_RIGHTS, 0, &fd), __WASI_ERRNO_BADF);
  for (int flag = __WASI_FDFLAGS_DSYNC; flag <= __WASI_FDFLAGS_SYNC; flag <<= 1) {
    int wanted = flag == __WASI_FDFLAGS_NONBLOCK ? 0 : __WASI_ERRNO_NOTSUP;
    GIVES(__wasi_path_open(work, 0, "file", 0, ALL_RIGHTS, ALL_RIGHTS, flag, &fd), wanted);
  }
  static char longest[5000];
  memset(longest, 'a', sizeof longest - 1);
  GIVES(open_errno(longest, 0, 0), __WASI_ERRNO_NAMETOOLONG);
}

static void directories(void)
{
  OK(__wasi_path_create_directory(work, "dir"));
  GIVES(__wasi_path_create_directory(work, "dir"), __WASI_ERRNO_EXIST);
  GIVES(__wasi_path_create_directory(work, "a/b"), __WASI_ERRNO_NOENT);
  GIVES(__wasi_path_create_directory(0, "x"), __WASI_ERRNO_BADF);
  OK(__wasi_fd_close(opened(work, "dir/file", __WASI_OFLAGS_CREAT, 0)));
  GIVES(__wasi_path_remove_directory(work, "dir"), __WASI_ERRNO_NOTEMPTY);
  GIVES(__wasi_path_remove_directory(work, "file"), __WASI_ERRNO_NOTDIR);
  GIVES(__wasi_path_remove_directory(work, "missing"), __WASI_ERRNO_NOENT);
  GIVES(__wasi_path_remove_directory(NOWHERE, "dir"), __WASI_ERRNO_BADF);
  CHECK(__wasi_path_unlink_file(work, "dir") != 0);
  OK(__wasi_path_unlink_file(work, "dir/file"));
  GIVES(__wasi_path_unlink_file(work, "dir/file"), __WASI_ERRNO_NOENT);
  GIVES(__wasi_path_unlink_file(NOWHERE, "file"), __WASI_ERRNO_BADF);
  OK(__wasi_path_remove_directory(work, "dir"));
}

static void links(void)
{
  char target[16] = "################";
  __wasi_size_t count;
  __wasi_filestat_t status, other;
  OK(__wasi_path_symlink("file", work, "link"));
  GIVES(__wasi_path_symlink("file", work, "link"), __WASI_ERRNO_EXIST);
  GIVES(__wasi_path_symlink("file", NOWHERE, "link2"), __WASI_ERRNO_BADF);
  OK(__wasi_path_readlink(work, "link", (uint8_t *)target, sizeof target, &count));
  CHECK(count == 4 && !memcmp(target, "file#", 5));
  OK(__wasi_path_readlink(work, "link", (uint8_t *)target + 8, 2, &count));
  CHECK(count == 2 && !memcmp(target + 8, "fi#", 3));
  GIVES(__wasi_path_readlink(work, "file", (uint8_t *)target, sizeof target, &count), __WASI_ERRNO_INVAL);
  GIVES(__wasi_path_readlink(NOWHERE, "link", (uint8_t *)target, sizeof target, &count), __WASI_ERRNO_BADF);
  OK(__wasi_path_filestat_get(work, 0, "link", &status));
  GIVES(status.filetype, __WASI_FILETYPE_SYMBOLIC_LINK);
  OK(__wasi_path_filestat_get(work, 1, "link", &status));
  CHECK(status.filetype == __WASI_FILETYPE_REGULAR_FILE && status.size == 4);
  GIVES(__wasi_path_filestat_get(work, 1, "missing", &status), __WASI_ERRNO_NOENT);
  GIVES(__wasi_path_filestat_get(NOWHERE, 1, "link", &status), __WASI_ERRNO_BADF);
  GIVES(open_errno("link", 0, 0), __WASI_ERRNO_LOOP);
  OK(open_errno("link", 1, 0));
  OK(__wasi_path_link(work, 0, "file", work, "second"));
  OK(__wasi_path_filestat_get(work, 0, "second", &other));
  CHECK(other.ino == status.ino && other.dev == status.dev && other.nlink == 2);
  GIVES(__wasi_path_link(work, 0, "file", work, "second"), __WASI_ERRNO_EXIST);
  GIVES(__wasi_path_link(work, 1, "link", work, "third"), __WASI_ERRNO_INVAL);
  GIVES(__wasi_path_link(work, 0, "missing", work, "third"), __WASI_ERRNO_NOENT);
  GIVES(__wasi_path_link(NOWHERE, 0, "file", work, "third"), __WASI_ERRNO_BADF);
  GIVES(__wasi_path_link(work, 0, "file", NOWHERE, "third"), __WASI_ERRNO_BADF);
  OK(__wasi_path_filestat_set_times(work, 0, "link", 11, 12, __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_MTIM));
  OK(__wasi_path_filestat_set_times(work, 1, "link", 21, 22, __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_MTIM));
  OK(__wasi_path_filestat_get(work, 0, "link", &status));
  GIVES(status.mtim, 12);
  OK(__wasi_path_filestat_get(work, 0, "file", &status));
  GIVES(status.mtim, 22);
  GIVES(__wasi_path_filestat_set_times(work, 0, "file", 1, 2, 3), __WASI_ERRNO_INVAL);
  GIVES(__wasi_path_filestat_set_times(work, 0, "missing", 1, 2, 1), __WASI_ERRNO_NOENT);
  GIVES(__wasi_path_filestat_set_times(NOWHERE, 0, "file", 1, 2, 1), __WASI_ERRNO_BADF);
  OK(__wasi_path_rename(work, "second", work, "third"));
  OK(__wasi_path_rename(work, "third", work, "file"));
  GIVES(__wasi_path_rename(work, "missing", work, "x"), __WASI_ERRNO_NOENT);
  GIVES(__wasi_path_rename(NOWHERE, "file", work, "x"), __WASI_ERRNO_BADF);
  GIVES(__wasi_path_rename(work, "file", NOWHERE, "x"), __WASI_ERRNO_BADF);
  OK(__wasi_path_unlink_file(work, "link"));
  OK(__wasi_path_unlink_file(work, "third"));
  OK(__wasi_path_symlink("loop", work, "loop"));
  GIVES(open_errno("loop", 1, 0), __WASI_ERRNO_LOOP);
  OK(__wasi_path_unlink_file(work, "loop"));
}

// No call may reach `path`, which leads to a file or directory outside, one way or the other.
static void unreachable(const char *path)
{
  uint8_t bytes[64];
  __wasi_size_t count;
  __wasi_filestat_t status;
  for (int how = 0; how < 16; how++) CHECK(open_errno(path, 1, how) != 0);
  CHECK(__wasi_path_filestat_get(work, 1, path, &status) != 0);
  CHECK(__wasi_path_filestat_set_times(work, 1, path, 1, 2, 5) != 0);
  CHECK(__wasi_path_create_directory(work, path) != 0);
  CHECK(__wasi_path_remove_directory(work, path) != 0);
  char below[256];
  snprintf(below, sizeof below, "%s/secret", path);
  CHECK(open_errno(below, 1, 0) != 0);
  CHECK(open_errno(below, 1, __WASI_OFLAGS_CREAT) != 0);
  CHECK(__wasi_path_filestat_get(work, 0, below, &status) != 0);
  CHECK(__wasi_path_unlink_file(work, below) != 0);
  CHECK(__wasi_path_create_directory(work, below) != 0);
  CHECK(__wasi_path_symlink("x", work, below) != 0);
  CHECK(__wasi_path_readlink(work, below, bytes, sizeof bytes, &count) != 0);
  CHECK(__wasi_path_link(work, 0, below, work, "stolen") != 0);
  CHECK(__wasi_path_link(work, 0, "file", work, below) != 0);
  CHECK(__wasi_path_rename(work, below, work, "stolen") != 0);
  CHECK(__wasi_path_rename(work, "file", work, below) != 0);
}

static void escapes(void)
{
  OK(__wasi_path_create_directory(work, "deep"));
  static const char *const paths[] = {"..", "../secret", "../new", "./../secret", "deep/../../secret", "/", "/etc",
    "/etc/passwd", "//etc/passwd", "../../../../../../../../etc/passwd", "deep/../..", "out", "out-dir", "absolute",
    "out-dir/..", "deep/out", "chain", "../work/../secret"};
  OK(__wasi_path_symlink("../../secret", work, "deep/out"));
  OK(__wasi_path_symlink("deep/out", work, "chain"));
  for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) unreachable(paths[i]);
  // The target of a link may not be absolute.
  GIVES(__wasi_path_symlink("/etc/passwd", work, "passwd"), __WASI_ERRNO_PERM);
  // Dots that stay inside are allowed.
  OK(open_errno("deep/../file", 0, 0));
  OK(open_errno("./deep/.././file", 0, 0));
  // Through libc as well.
  errno = 0;
  CHECK(open("/work/../secret", O_RDONLY) == -1 && (errno == EPERM || errno == ENOTCAPABLE));
  CHECK(open("/secret", O_RDONLY) == -1 && open("../secret", O_RDONLY) == -1);
  struct stat status;
  CHECK(stat("/work/out", &status) == -1 && lstat("/work/out", &status) == 0);
}

int main(void)
{
  work = preopened("/work");
  opening();
  directories();
  links();
  escapes();
  printf("all right\n");
  return 0;
}
