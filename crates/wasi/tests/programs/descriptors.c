// Every fd_ call, on files and directories under /work, on pipes, and on descriptors that are not open.
#include "check.h"

static __wasi_fd_t work;

static __wasi_filesize_t position(__wasi_fd_t fd)
{
  __wasi_filesize_t at;
  OK(__wasi_fd_tell(fd, &at));
  return at;
}

static __wasi_filestat_t status(__wasi_fd_t fd)
{
  __wasi_filestat_t found;
  OK(__wasi_fd_filestat_get(fd, &found));
  return found;
}

static void reading_and_writing(void)
{
  __wasi_fd_t fd = opened(work, "one", __WASI_OFLAGS_CREAT | __WASI_OFLAGS_EXCL, 0);
  __wasi_size_t count;
  __wasi_ciovec_t out[3] = {{(const uint8_t *)"ab", 2}, {NULL, 0}, {(const uint8_t *)"cdef", 4}};
  OK(__wasi_fd_write(fd, out, 3, &count));
  GIVES(count, 6);
  OK(__wasi_fd_pwrite(fd, out, 3, 10, &count));
  GIVES(count, 6);
  GIVES(position(fd), 6);
  OK(__wasi_fd_write(fd, out, 0, &count));
  GIVES(count, 0);
  uint8_t bytes[32];
  memset(bytes, '#', sizeof bytes);
  __wasi_iovec_t in[2] = {{bytes, 0}, {bytes + 1, sizeof bytes - 1}};
  OK(__wasi_fd_pread(fd, in, 2, 4, &count));
  GIVES(count, 12);
  CHECK(!memcmp(bytes, "#ef\0\0\0\0abcdef#", 14));
  OK(__wasi_fd_pread(fd, in, 2, 1000, &count));
  GIVES(count, 0);
  GIVES(__wasi_fd_pread(fd, in, 2, -1, &count), __WASI_ERRNO_INVAL);
  GIVES(__wasi_fd_pwrite(fd, out, 3, -1, &count), __WASI_ERRNO_INVAL);
  OK(__wasi_fd_read(fd, in, 0, &count));
  GIVES(count, 0);
  __wasi_filesize_t at;
  OK(__wasi_fd_seek(fd, -3, __WASI_WHENCE_END, &at));
  GIVES(at, 13);
  OK(__wasi_fd_read(fd, in, 2, &count));
  GIVES(count, 3);
  OK(__wasi_fd_seek(fd, -15, __WASI_WHENCE_CUR, &at));
  GIVES(at, 1);
  CHECK(!strncmp(get(fd), "bcdef", 5));
  OK(__wasi_fd_seek(fd, 100, __WASI_WHENCE_SET, &at));
  GIVES(__wasi_fd_seek(fd, -1, __WASI_WHENCE_SET, &at), __WASI_ERRNO_INVAL);
  GIVES(__wasi_fd_seek(fd, -101, __WASI_WHENCE_CUR, &at), __WASI_ERRNO_INVAL);
  GIVES(__wasi_fd_seek(fd, 0, 3, &at), __WASI_ERRNO_INVAL);
  GIVES(position(fd), 100);
  put(fd, "!");
  GIVES(status(fd).size, 101);
  OK(__wasi_fd_filestat_set_size(fd, 3));
  GIVES(status(fd).size, 3);
  OK(__wasi_fd_filestat_set_size(fd, 8));
  GIVES(status(fd).size, 8);
  GIVES(__wasi_fd_filestat_set_size(fd, -1), __WASI_ERRNO_INVAL);
  OK(__wasi_fd_sync(fd));
  OK(__wasi_fd_datasync(fd));
  for (int advice = 0; advice < 6; advice++) OK(__wasi_fd_advise(fd, 0, 4, advice));
  OK(__wasi_fd_advise(fd, 2, 0, __WASI_ADVICE_SEQUENTIAL));
  GIVES(__wasi_fd_advise(fd, 0, 4, 6), __WASI_ERRNO_INVAL);
  GIVES(__wasi_fd_advise(fd, -1, 4, 0), __WASI_ERRNO_INVAL);
  GIVES(__wasi_fd_allocate(fd, 0, 100), __WASI_ERRNO_NOTSUP);
  OK(__wasi_fd_close(fd));
  GIVES(__wasi_fd_close(fd), __WASI_ERRNO_BADF);
  // Rights say which way bytes may go.
  OK(__wasi_path_open(work, 0, "one", 0, __WASI_RIGHTS_FD_READ, 0, 0, &fd));
  GIVES(__wasi_fd_write(fd, out, 3, &count), __WASI_ERRNO_BADF);
  GIVES(__wasi_fd_pwrite(fd, out, 3, 0, &count), __WASI_ERRNO_BADF);
  OK(__wasi_fd_close(fd));
  OK(__wasi_path_open(work, 0, "one", 0, __WASI_RIGHTS_FD_WRITE, 0, 0, &fd));
  GIVES(__wasi_fd_read(fd, in, 2, &count), __WASI_ERRNO_BADF);
  GIVES(__wasi_fd_pread(fd, in, 2, 0, &count), __WASI_ERRNO_BADF);
  OK(__wasi_fd_close(fd));
}

// Far more vectors than any host takes at once: fewer bytes are moved than asked for, and they are the right ones.
static void many_vectors(void)
{
  enum { MANY = 100000 };
  static __wasi_iovec_t vectors[MANY];
  static uint8_t bytes[MANY], back[MANY];
  for (int i = 0; i < MANY; i++) {
    bytes[i] = i * 7 % 251;
    vectors[i] = (__wasi_iovec_t){bytes + i, 1};
  }
  __wasi_fd_t fd = opened(work, "many", __WASI_OFLAGS_CREAT, 0);
  __wasi_size_t written, at, read;
  OK(__wasi_fd_write(fd, (__wasi_ciovec_t *)vectors, MANY, &written));
  CHECK(written >= 16 && written <= MANY);
  OK(__wasi_fd_pwrite(fd, (__wasi_ciovec_t *)vectors, MANY, written, &at));
  CHECK(at >= 1 && at <= MANY);
  __wasi_iovec_t whole = {back, MANY};
  OK(__wasi_fd_pread(fd, &whole, 1, 0, &read));
  GIVES(read, written + at);
  CHECK(!memcmp(back, bytes, written) && !memcmp(back + written, bytes, at));
  memset(bytes, 0, MANY);
  OK(__wasi_fd_pread(fd, vectors, MANY, 0, &read));
  CHECK(read >= 1 && !memcmp(bytes, back, read) && !bytes[read]);
  memset(bytes, 0, MANY);
  __wasi_filesize_t start;
  OK(__wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &start));
  OK(__wasi_fd_read(fd, vectors, MANY, &read));
  CHECK(read >= 1 && !memcmp(bytes, back, read) && !bytes[read]);
  OK(__wasi_fd_close(fd));
}

static void flags_and_rights(void)
{
  __wasi_fd_t fd = opened(work, "flags", __WASI_OFLAGS_CREAT, __WASI_FDFLAGS_APPEND);
  __wasi_fdstat_t found;
  OK(__wasi_fd_fdstat_get(fd, &found));
  GIVES(found.fs_filetype, __WASI_FILETYPE_REGULAR_FILE);
  GIVES(found.fs_flags, __WASI_FDFLAGS_APPEND);
  CHECK(found.fs_rights_base & __WASI_RIGHTS_FD_WRITE);
  put(fd, "one");
  __wasi_filesize_t at;
  OK(__wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &at));
  put(fd, "two");
  OK(__wasi_fd_fdstat_set_flags(fd, __WASI_FDFLAGS_NONBLOCK));
  OK(__wasi_fd_fdstat_get(fd, &found));
  GIVES(found.fs_flags, __WASI_FDFLAGS_NONBLOCK);
  OK(__wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &at));
  put(fd, "TWO");
  OK(__wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &at));
  CHECK(!strcmp(get(fd), "TWOtwo"));
  OK(__wasi_fd_fdstat_set_flags(fd, 0));
  OK(__wasi_fd_fdstat_get(fd, &found));
  GIVES(found.fs_flags, 0);
  for (int flag = __WASI_FDFLAGS_DSYNC; flag <= __WASI_FDFLAGS_SYNC; flag <<= 1)
    if (flag != __WASI_FDFLAGS_NONBLOCK) GIVES(__wasi_fd_fdstat_set_flags(fd, flag), __WASI_ERRNO_INVAL);
  GIVES(__wasi_fd_fdstat_set_flags(fd, 0x20), __WASI_ERRNO_INVAL);
  GIVES(__wasi_fd_fdstat_set_rights(fd, 0, 0), __WASI_ERRNO_NOTSUP);
  GIVES(__wasi_fd_fdstat_set_rights(work, 0, 0), __WASI_ERRNO_NOTSUP);
  OK(__wasi_fd_fdstat_get(work, &found));
  GIVES(found.fs_filetype, __WASI_FILETYPE_DIRECTORY);
  CHECK(found.fs_rights_base & __WASI_RIGHTS_PATH_OPEN && found.fs_rights_inheriting & __WASI_RIGHTS_FD_READ);
  OK(__wasi_fd_fdstat_get(0, &found));
  CHECK(found.fs_rights_base & __WASI_RIGHTS_FD_READ && !(found.fs_rights_base & __WASI_RIGHTS_FD_WRITE));
  OK(__wasi_fd_close(fd));
}

static void times(void)
{
  __wasi_fd_t fd = opened(work, "times", __WASI_OFLAGS_CREAT, 0);
  __wasi_filestat_t old = status(fd), new;
  CHECK(old.filetype == __WASI_FILETYPE_REGULAR_FILE && old.nlink == 1 && old.ino && !old.size);
  CHECK(old.ctim > 1700000000 * SECOND);
  OK(__wasi_fd_filestat_set_times(fd, 5 * SECOND + 7, 9, __WASI_FSTFLAGS_ATIM));
  new = status(fd);
  CHECK(new.atim == 5 * SECOND + 7 && new.mtim == old.mtim);
  OK(__wasi_fd_filestat_set_times(fd, 1, 2, __WASI_FSTFLAGS_MTIM));
  CHECK(status(fd).mtim == 2 && status(fd).atim == 5 * SECOND + 7);
  // The status changed when the times did, not when they say.
  CHECK(status(fd).ctim >= old.ctim);
  OK(__wasi_fd_filestat_set_times(fd, 1, 2, __WASI_FSTFLAGS_MTIM_NOW | __WASI_FSTFLAGS_ATIM_NOW));
  CHECK(status(fd).mtim >= old.mtim && status(fd).atim >= old.atim);
  OK(__wasi_fd_filestat_set_times(fd, 1, 2, 0));
  GIVES(__wasi_fd_filestat_set_times(fd, 1, 2, __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_ATIM_NOW), __WASI_ERRNO_INVAL);
  GIVES(__wasi_fd_filestat_set_times(fd, 1, 2, __WASI_FSTFLAGS_MTIM | __WASI_FSTFLAGS_MTIM_NOW), __WASI_ERRNO_INVAL);
  GIVES(__wasi_fd_filestat_set_times(fd, 1, 2, 0x10), __WASI_ERRNO_INVAL);
  OK(__wasi_fd_close(fd));
  OK(__wasi_fd_filestat_set_times(work, 3, 4, __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_MTIM));
  CHECK(status(work).atim == 3 && status(work).mtim == 4);
  CHECK(status(work).filetype == __WASI_FILETYPE_DIRECTORY);
  // What the host calls a time before 1970 has no number here.
  fd = opened(work, "ancient", 0, 0);
  CHECK(status(fd).mtim == 0 && status(fd).ctim > 1700000000 * SECOND);
  OK(__wasi_path_filestat_get(work, 0, "ancient", &new));
  CHECK(new.mtim == 0 && new.ctim == status(fd).ctim && new.ino == status(fd).ino);
  OK(__wasi_fd_close(fd));
}

static void renumbering(void)
{
  __wasi_fd_t one = opened(work, "flags", 0, 0), other = opened(work, "times", 0, 0);
  OK(__wasi_fd_renumber(one, other));
  CHECK(!strcmp(get(other), "TWOtwo"));
  GIVES(__wasi_fd_close(one), __WASI_ERRNO_BADF);
  OK(__wasi_fd_renumber(other, other));
  GIVES(__wasi_fd_renumber(other, one), __WASI_ERRNO_BADF);
  GIVES(__wasi_fd_renumber(one, other), __WASI_ERRNO_BADF);
  OK(__wasi_fd_close(other));
}

static void preopens(void)
{
  char name[8];
  __wasi_prestat_t found;
  OK(__wasi_fd_prestat_get(work, &found));
  GIVES(found.u.dir.pr_name_len, 5);
  GIVES(__wasi_fd_prestat_dir_name(work, (uint8_t *)name, 4), __WASI_ERRNO_NAMETOOLONG);
  OK(__wasi_fd_prestat_dir_name(work, (uint8_t *)name, sizeof name));
  CHECK(!memcmp(name, "/work", 5));
  GIVES(__wasi_fd_prestat_get(0, &found), __WASI_ERRNO_BADF);
  GIVES(__wasi_fd_prestat_dir_name(0, (uint8_t *)name, sizeof name), __WASI_ERRNO_NOTDIR);
  OK(__wasi_path_create_directory(work, "inside"));
  __wasi_fd_t fd = opened(work, "inside", __WASI_OFLAGS_DIRECTORY, 0);
  GIVES(__wasi_fd_prestat_get(fd, &found), __WASI_ERRNO_NOTSUP);
  GIVES(__wasi_fd_prestat_dir_name(fd, (uint8_t *)name, sizeof name), __WASI_ERRNO_NOTSUP);
  OK(__wasi_fd_close(fd));
  OK(__wasi_path_remove_directory(work, "inside"));
}

// All calls with descriptors that are not open, and what only files can on a directory.
static void refusals(void)
{
  uint8_t bytes[64];
  __wasi_iovec_t in = {bytes, sizeof bytes};
  __wasi_ciovec_t out = {bytes, sizeof bytes};
  __wasi_size_t count;
  __wasi_filesize_t at;
  __wasi_fdstat_t fdstat;
  __wasi_filestat_t filestat;
  __wasi_prestat_t prestat;
  const __wasi_fd_t fds[] = {NOWHERE, -1, work};
  for (int i = 0; i < 3; i++) {
    __wasi_fd_t fd = fds[i];
    GIVES(__wasi_fd_advise(fd, 0, 0, 0), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_allocate(fd, 0, 0), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_datasync(fd), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_fdstat_set_flags(fd, 0), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_filestat_set_size(fd, 0), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_pread(fd, &in, 1, 0, &count), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_pwrite(fd, &out, 1, 0, &count), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_read(fd, &in, 1, &count), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_write(fd, &out, 1, &count), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_seek(fd, 0, __WASI_WHENCE_SET, &at), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_sync(fd), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_tell(fd, &at), __WASI_ERRNO_BADF);
    if (fd == work) continue;
    GIVES(__wasi_fd_close(fd), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_fdstat_get(fd, &fdstat), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_fdstat_set_rights(fd, 0, 0), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_filestat_get(fd, &filestat), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_filestat_set_times(fd, 0, 0, 0), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_prestat_get(fd, &prestat), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_prestat_dir_name(fd, bytes, 1), __WASI_ERRNO_NOTDIR);
    GIVES(__wasi_fd_readdir(fd, bytes, sizeof bytes, 0, &count), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_renumber(fd, 1), __WASI_ERRNO_BADF);
    GIVES(__wasi_fd_renumber(1, fd), __WASI_ERRNO_BADF);
  }
  // A pipe has no position, and a regular file no entries.
  GIVES(__wasi_fd_seek(0, 0, __WASI_WHENCE_CUR, &at), __WASI_ERRNO_SPIPE);
  GIVES(__wasi_fd_tell(0, &at), __WASI_ERRNO_SPIPE);
  GIVES(__wasi_fd_pread(0, &in, 1, 0, &count), __WASI_ERRNO_SPIPE);
  __wasi_fd_t fd = opened(work, "flags", 0, 0);
  GIVES(__wasi_fd_readdir(fd, bytes, sizeof bytes, 0, &count), __WASI_ERRNO_BADF);
  OK(__wasi_fd_close(fd));
  // Standard input: a pipe with five bytes in it.
  CHECK(!strcmp(get(0), "input") && !strcmp(get(0), ""));
  OK(__wasi_fd_close(0));
  GIVES(__wasi_fd_read(0, &in, 1, &count), __WASI_ERRNO_BADF);
}

int main(void)
{
  work = preopened("/work");
  reading_and_writing();
  many_vectors();
  flags_and_rights();
  times();
  renumbering();
  preopens();
  refusals();
  printf("all right\n");
  return 0;
}
