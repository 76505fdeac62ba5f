// zstd: compresses text at three levels, and gets it back.
#include "text.h"
#include "zstd.h"
#include <stdio.h>
int main(void)
{
  enum { SIZE = 2000000 };
  size_t room = ZSTD_compressBound(SIZE), sizes = 0;
  unsigned char *text = make_text(SIZE), *packed = malloc(room), *again = malloc(SIZE);
  for (int level = 1; level <= 13; level += 6) {
    size_t length = ZSTD_compress(packed, room, text, SIZE, level);
    if (ZSTD_isError(length)) return 1;
    sizes += length;
    for (int i = 0; i < 12; i++)
      if (ZSTD_decompress(again, SIZE, packed, length) != SIZE) return 2;
    if (memcmp(text, again, SIZE)) return 3;
  }
  printf("zstd %zu\n", sizes);
  return 0;
}
