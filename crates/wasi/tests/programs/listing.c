// fd_readdir: entries, names that are cut off, positions, and a program that removes what it reads.
#include "check.h"
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MANY = 500 };

// Reads all entries with a buffer of this size, through positions. Counts those whose names start so.
static int listed(__wasi_fd_t fd, unsigned size, const char *start)
{
  static uint8_t buffer[4096];
  __wasi_dircookie_t next = 0;
  int found = 0;
  for (;;) {
    __wasi_size_t used;
    memset(buffer, '#', sizeof buffer);
    OK(__wasi_fd_readdir(fd, buffer, size, next, &used));
    CHECK(used <= size && buffer[size] == '#');
    unsigned at = 0;
    while (used - at >= sizeof(__wasi_dirent_t)) {
      __wasi_dirent_t entry;
      memcpy(&entry, buffer + at, sizeof entry);
      if (used - at < sizeof entry + entry.d_namlen) break;
      if (entry.d_namlen >= strlen(start) && !memcmp(buffer + at + sizeof entry, start, strlen(start))) found++;
      CHECK(entry.d_next == next + 1 && entry.d_ino);
      next = entry.d_next;
      at += sizeof entry + entry.d_namlen;
    }
    if (used < size) return found;
    CHECK(at > 0);
  }
}

int main(void)
{
  __wasi_fd_t work = preopened("/work"), fd;
  char name[64];
  OK(__wasi_path_create_directory(work, "many"));
  fd = opened(work, "many", __WASI_OFLAGS_DIRECTORY, 0);
  GIVES(listed(fd, 4000, ""), 2);
  for (int i = 0; i < MANY; i++) {
    snprintf(name, sizeof name, "many/file-%d", i);
    OK(__wasi_fd_close(opened(work, name, __WASI_OFLAGS_CREAT, 0)));
  }
  OK(__wasi_path_symlink("file-1", fd, "link"));
  OK(__wasi_path_create_directory(fd, "folder"));
  GIVES(listed(fd, 4000, "file-"), MANY);
  GIVES(listed(fd, 40, "file-"), MANY);
  GIVES(listed(fd, 4000, "."), 2);
  // A position that is not there, a buffer without room, one that does not hold a name.
  uint8_t small[sizeof(__wasi_dirent_t)];
  __wasi_size_t used;
  OK(__wasi_fd_readdir(fd, small, sizeof small, -1, &used));
  GIVES(used, 0);
  OK(__wasi_fd_readdir(fd, small, 0, 0, &used));
  GIVES(used, 0);
  OK(__wasi_fd_readdir(fd, small, sizeof small, 0, &used));
  GIVES(used, (long long)sizeof small);
  // Types, by name.
  int kinds = 0, removed = 0;
  DIR *directory = opendir("/work/many");
  for (struct dirent *entry; (entry = readdir(directory));) {
    if (!strcmp(entry->d_name, "link")) kinds += entry->d_type == DT_LNK;
    if (!strcmp(entry->d_name, "folder")) kinds += entry->d_type == DT_DIR;
    if (!strcmp(entry->d_name, "file-7")) kinds += entry->d_type == DT_REG;
  }
  GIVES(kinds, 3);
  // Removing while reading removes all.
  rewinddir(directory);
  for (struct dirent *entry; (entry = readdir(directory));) {
    snprintf(name, sizeof name, "/work/many/%s", entry->d_name);
    if (entry->d_type == DT_REG) { OK(unlink(name)); removed++; }
  }
  closedir(directory);
  GIVES(removed, MANY);
  GIVES(listed(fd, 4000, "file-"), 0);
  OK(__wasi_path_unlink_file(fd, "link"));
  OK(__wasi_path_remove_directory(fd, "folder"));
  OK(__wasi_path_remove_directory(work, "many"));
  // A name that is not UTF-8, which the host made, is hidden; the others are there.
  GIVES(listed(opened(work, "odd", __WASI_OFLAGS_DIRECTORY, 0), 4000, "plain"), 1);
  printf("all right\n");
  return 0;
}
