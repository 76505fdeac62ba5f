// zstd: compresses text at three levels, and gets it back.
#include "bench.h"
#include "text.h"
#include "zstd.h"
static void work(void)
{
  enum { SIZE = 300000 };
  size_t room = ZSTD_compressBound(SIZE), sizes = 0;
  unsigned char *text = make_text(SIZE), *packed = malloc(room), *again = malloc(SIZE);
  for (int level = 1; level <= 13; level += 6) {
    size_t length = ZSTD_compress(packed, room, text, SIZE, level);
    if (ZSTD_isError(length)) abort();
    sizes += length;
    for (int i = 0; i < 12; i++)
      if (ZSTD_decompress(again, SIZE, packed, length) != SIZE) abort();
    if (memcmp(text, again, SIZE)) abort();
  }
  free(text); free(packed); free(again);
  printf("zstd %zu\n", sizes);
}
