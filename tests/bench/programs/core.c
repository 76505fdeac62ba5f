// Integer code as of a small processor's benchmark: linked lists, matrices of small numbers, a state machine over text, CRCs.
#include "bench.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
enum { ITEMS = 200, SIDE = 24, TEXT = 2000 };
struct item { struct item *next; int16_t value, index; };
static struct item items[ITEMS];
static int16_t first[SIDE][SIDE], second[SIDE][SIDE];
static int32_t result[SIDE][SIDE];
static char text[TEXT + 1];
HOT static uint16_t crc8(uint8_t byte, uint16_t crc)
{
  for (int i = 0; i < 8; i++, byte >>= 1) {
    int carry = (byte ^ crc) & 1;
    crc >>= 1;
    if (carry) crc ^= 0xa001;
  }
  return crc;
}
static uint16_t crc32bits(uint32_t word, uint16_t crc)
{
  for (int i = 0; i < 4; i++, word >>= 8) crc = crc8((uint8_t)word, crc);
  return crc;
}
static int by_value(const struct item *a, const struct item *b) { return a->value - b->value; }
static int by_index(const struct item *a, const struct item *b) { return a->index - b->index; }
static struct item *merge_sort(struct item *list, int (*compare)(const struct item *, const struct item *))
{
  for (int run = 1;; run *= 2) {
    struct item *from = list, *head = 0, **tail = &head;
    int merges = 0;
    while (from) {
      struct item *other = from;
      int left = 0, right = run;
      for (; left < run && other; left++) other = other->next;
      merges++;
      while (left > 0 || (right > 0 && other)) {
        struct item *taken;
        if (left > 0 && (right == 0 || !other || compare(from, other) <= 0)) { taken = from; from = from->next; left--; }
        else { taken = other; other = other->next; right--; }
        *tail = taken;
        tail = &taken->next;
      }
      from = other;
    }
    *tail = 0;
    list = head;
    if (merges <= 1) return list;
  }
}
static struct item *reverse(struct item *list)
{
  struct item *reversed = 0;
  while (list) { struct item *next = list->next; list->next = reversed; reversed = list; list = next; }
  return reversed;
}
static struct item *find(struct item *list, int16_t value) { while (list && list->value != value) list = list->next; return list; }
static uint16_t lists(int seed, uint16_t crc)
{
  for (int i = 0; i < ITEMS; i++) {
    items[i].value = (int16_t)(i * 7919 % 509 ^ seed);
    items[i].index = (int16_t)i;
    items[i].next = i + 1 < ITEMS ? &items[i + 1] : 0;
  }
  struct item *list = items;
  int found = 0;
  for (int i = 0; i < 20; i++) { list = reverse(list); found += find(list, (int16_t)(i * 13 + seed)) != 0; }
  list = merge_sort(list, by_value);
  for (struct item *at = list; at; at = at->next) crc = crc32bits((uint32_t)at->value, crc);
  list = merge_sort(list, by_index);
  return crc32bits((uint32_t)(list->value + found), crc);
}
static uint16_t matrices(int seed, uint16_t crc)
{
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++) { first[y][x] = (int16_t)(y * seed + x & 255); second[y][x] = (int16_t)(x * seed - y & 255); }
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++) {
      int32_t sum = 0;
      for (int k = 0; k < SIDE; k++) { int32_t product = first[y][k] * second[k][x]; sum += (product >> 2 & 15) * (product >> 5 & 127); }
      result[y][x] = sum;
    }
  int32_t last = 0, turns = 0;
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++) { turns += result[y][x] > last ? 10 : 1; last = result[y][x]; }
  return crc32bits((uint32_t)(last + turns), crc);
}
enum state { START, SIGN, INTEGER, FRACTION, EXPONENT, POWER, INVALID, STATES };
static enum state next_state(const char **at, unsigned *transitions)
{
  enum state state = START;
  for (; **at && **at != ','; ++*at) {
    char c = **at;
    int digit = c >= '0' && c <= '9';
    enum state before = state;
    switch (state) {
    case START: state = digit ? INTEGER : c == '+' || c == '-' ? SIGN : c == '.' ? FRACTION : INVALID; break;
    case SIGN: state = digit ? INTEGER : c == '.' ? FRACTION : INVALID; break;
    case INTEGER: state = digit ? INTEGER : c == '.' ? FRACTION : INVALID; break;
    case FRACTION: state = digit ? FRACTION : c == 'e' || c == 'E' ? EXPONENT : INVALID; break;
    case EXPONENT: state = digit || c == '+' || c == '-' ? POWER : INVALID; break;
    case POWER: state = digit ? POWER : INVALID; break;
    default: break;
    }
    if (state != before) transitions[before]++;
  }
  if (**at) ++*at;
  return state;
}
static uint16_t states(int seed, uint16_t crc)
{
  static const char *const words[] = { "5012", "1234", "+874", "-7.5", "35.54400", ".1234500", "-110.700", "5.5e+3", "-.123e-2", "T0.3e-1F", "1.2.3" };
  unsigned ends[STATES] = { 0 }, transitions[STATES] = { 0 };
  size_t length = 0;
  for (int i = seed;; i++) {
    const char *word = words[(unsigned)i * 7 % 11];
    if (length + strlen(word) + 1 > TEXT) break;
    strcpy(text + length, word);
    length += strlen(word);
    text[length++] = ',';
  }
  text[length] = 0;
  for (const char *at = text; *at;) ends[next_state(&at, transitions)]++;
  for (int i = 0; i < STATES; i++) crc = crc32bits(ends[i] << 16 | transitions[i], crc);
  return crc;
}
static void work(void)
{
  uint16_t crc = 0;
  for (int i = 0; i < 600; i++) {
    crc = lists(i & 31, crc);
    crc = matrices(i & 15, crc);
    crc = states(i & 7, crc);
  }
  printf("core %04x\n", crc);
}
