// zlib: compresses text at three levels, and gets it back.
#include "bench.h"
#include "text.h"
#include "zlib.h"
static void work(void)
{
  enum { SIZE = 300000 };
  unsigned char *text = make_text(SIZE), *packed = malloc(SIZE), *again = malloc(SIZE);
  unsigned long sizes = 0, sum = 0;
  for (int level = 1; level <= 9; level += 4) {
    uLongf length = SIZE, back = SIZE;
    if (compress2(packed, &length, text, SIZE, level) != Z_OK) abort();
    sizes += length;
    for (int i = 0; i < 6; i++)
      if (uncompress(again, &back, packed, length) != Z_OK || back != SIZE) abort();
    if (memcmp(text, again, SIZE)) abort();
    sum = crc32(sum, packed, (uInt)length);
  }
  free(text); free(packed); free(again);
  printf("zlib %lu %08lx\n", sizes, sum);
}
