// Pointers, and types that they can be cast to. Compiled as C and as C++.
struct point { int x, y; };
typedef unsigned short word;
typedef unsigned char byte;
char text[8] = "pointer";
struct point points[2] = { { 0x01020304, 2 }, { 3, 4 } };
struct point *where = points;
struct point *behind = points + 1;
long number = -5;
word words[2] = { 1, 2 };
byte last = 9;
const char *volatile names[2] = { text, text + 3 };
long double quad = -1.5L;
const volatile void *volatile used;

int main(void) {
  const volatile void *all[] = { text, &where, &behind, &number, words, &last, names, &quad };
  for (int i = 0; i < 8; i++)
    used = all[i];
  return 0;
}
