// zlib: compresses text at three levels, and gets it back.
#include "text.h"
#include "zlib.h"
#include <stdio.h>
int main(void)
{
  enum { SIZE = 2000000 };
  unsigned char *text = make_text(SIZE), *packed = malloc(SIZE), *again = malloc(SIZE);
  unsigned long sizes = 0, sum = 0;
  for (int level = 1; level <= 9; level += 4) {
    uLongf length = SIZE, back = SIZE;
    if (compress2(packed, &length, text, SIZE, level) != Z_OK) return 1;
    sizes += length;
    for (int i = 0; i < 6; i++)
      if (uncompress(again, &back, packed, length) != Z_OK || back != SIZE) return 2;
    if (memcmp(text, again, SIZE)) return 3;
    sum = crc32(sum, packed, (uInt)length);
  }
  printf("zlib %lu %08lx\n", sizes, sum);
  return 0;
}
