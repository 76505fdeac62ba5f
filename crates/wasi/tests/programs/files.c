// Files and directories under /work: write, seek, read, stat, truncate, rename, link, list, remove; and what is refused.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int compare(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

static void list(const char *path)
{
  DIR *directory = opendir(path);
  if (!directory) { printf("opendir: %s\n", strerror(errno)); return; }
  char *names[64];
  int count = 0;
  for (struct dirent *entry; (entry = readdir(directory)) && count < 64;) names[count++] = strdup(entry->d_name);
  closedir(directory);
  qsort(names, count, sizeof *names, compare);
  for (int i = 0; i < count; i++) printf("%s%s", i ? " " : "", names[i]);
  printf("\n");
}

static void refused(const char *what, int result)
{
  if (result == -1) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: allowed\n", what);
}

int main(void)
{
  char line[64];
  struct stat status;
  FILE *file = fopen("/work/one", "w+");
  if (!file) { perror("fopen"); return 1; }
  fprintf(file, "first\nsecond\n");
  fseek(file, 6, SEEK_SET);
  printf("read %s", fgets(line, sizeof line, file));
  fclose(file);
  stat("/work/one", &status);
  printf("size %lld regular %d\n", (long long)status.st_size, S_ISREG(status.st_mode));
  truncate("/work/one", 5);
  stat("/work/one", &status);
  printf("truncated %lld\n", (long long)status.st_size);
  printf("mkdir %d\n", mkdir("/work/sub", 0777));
  printf("rename %d\n", rename("/work/one", "/work/sub/two"));
  printf("symlink %d\n", symlink("sub/two", "/work/link"));
  list("/work");
  file = fopen("/work/link", "a+");
  fputs(" more", file);
  rewind(file);
  printf("through the link: %s\n", fgets(line, sizeof line, file));
  fclose(file);
  file = fopen("/work/from-host", "r");
  printf("from the host: %s\n", fgets(line, sizeof line, file));
  fclose(file);
  refused("rmdir of a full directory", rmdir("/work/sub"));
  refused("outside", open("/etc/passwd", O_RDONLY));
  refused("outside by dots", open("/work/../../../../etc/passwd", O_RDONLY));
  refused("missing", open("/work/missing", O_RDONLY));
  refused("a directory as a file", open("/work/sub", O_RDWR));
  refused("a socket", open("/work/socket", O_RDONLY));
  printf("unlink %d %d, rmdir %d\n", unlink("/work/sub/two"), unlink("/work/link"), rmdir("/work/sub"));
  list("/work");
  return 0;
}
