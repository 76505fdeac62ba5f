// SQLite in memory: inserts, an index, joins, groups, text functions, updates and deletes.
#include "sqlite3.h"
#include <stdio.h>
#include <string.h>
static const char *const statements[] = {
  "create table item (id integer primary key, name text, price real, kind int)",
  "create table sale (item int, day int, amount int)",
  "with recursive n(i) as (select 1 union all select i + 1 from n where i < 4000)"
  " insert into item select i, 'item ' || (i * 7919 % 10007), i * 1.25, i % 17 from n",
  "with recursive n(i) as (select 1 union all select i + 1 from n where i < 60000)"
  " insert into sale select i * 31 % 4000 + 1, i % 365, i * 13 % 7 + 1 from n",
  "create index by_item on sale (item, day)",
  "update item set price = price * 1.1, name = upper(name) where kind in (3, 5, 7)",
  "delete from sale where day between 100 and 120",
};
static const char *const queries[] = {
  "select kind, count(*), round(sum(amount * price), 2) from sale join item on item = id group by kind order by 3 desc",
  "select max(length(replace(name, '1', 'one'))), count(distinct substr(name, 6, 2)) from item",
  "select sum(amount) from sale where item in (select id from item where name like '%77%')",
  "select day, avg(amount) a from sale group by day having a > 4 order by a, day limit 5",
};
static unsigned long sum;
static int take(void *unused, int columns, char **values, char **names)
{
  for (int i = 0; i < columns; i++)
    for (const char *p = values[i] ? values[i] : "null"; *p; p++) sum = sum * 31 + (unsigned char)*p;
  return 0;
}
// The whole database is in memory: what SQLite asks of an operating system is no more than this.
static int no_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) { file->pMethods = 0; return SQLITE_CANTOPEN; }
static int no_access(sqlite3_vfs *vfs, const char *name, int flags, int *out) { *out = 0; return SQLITE_OK; }
static int same_path(sqlite3_vfs *vfs, const char *name, int size, char *out) { strncpy(out, name, (size_t)size); return SQLITE_OK; }
static int not_random(sqlite3_vfs *vfs, int size, char *out) { memset(out, 4, (size_t)size); return size; }
static int no_clock(sqlite3_vfs *vfs, double *time) { *time = 2460000.5; return SQLITE_OK; }
static sqlite3_vfs none = { .iVersion = 1, .szOsFile = sizeof(sqlite3_file), .mxPathname = 256, .zName = "none", .xOpen = no_file,
  .xAccess = no_access, .xFullPathname = same_path, .xRandomness = not_random, .xCurrentTime = no_clock };
int sqlite3_os_init(void) { return sqlite3_vfs_register(&none, 1); }
int sqlite3_os_end(void) { return SQLITE_OK; }
int main(void)
{
  sqlite3 *db;
  if (sqlite3_open(":memory:", &db)) return 1;
  for (unsigned i = 0; i < sizeof statements / sizeof *statements; i++)
    if (sqlite3_exec(db, statements[i], 0, 0, 0)) return puts(sqlite3_errmsg(db)), 2;
  for (int round = 0; round < 4; round++)
    for (unsigned i = 0; i < sizeof queries / sizeof *queries; i++)
      if (sqlite3_exec(db, queries[i], take, 0, 0)) return puts(sqlite3_errmsg(db)), 3;
  sqlite3_close(db);
  printf("sqlite %lx\n", sum);
  return 0;
}
