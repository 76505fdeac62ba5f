// Text to compress: words in an order that has both repetitions and surprises.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
static unsigned char *make_text(size_t size)
{
  static const char *words[] = { "the ", "stack ", "frame ", "of a ", "module ", "points ", "at ", "memory, ", "and ", "every ",
                                 "breakpoint ", "in it ", "stops.\n", "Then ", "value ", "is " };
  unsigned char *text = malloc(size + 16);
  uint32_t state = 1;
  for (size_t at = 0; at < size;) {
    state = state * 1664525u + 1013904223u;
    const char *word = words[state >> 28];
    if ((state >> 20 & 31) == 0) text[at++] = (unsigned char)('0' + (state >> 12 & 7));
    size_t length = strlen(word);
    memcpy(text + at, word, length);
    at += length;
  }
  return text;
}
