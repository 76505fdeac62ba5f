// Variables and pointers to functions. Compiled by the tests, for Wasm and for the machine that they run on.
struct command { const char *name; int (*run)(int, int); };
struct node { struct node *next; int (*callback)(int, int); int value; };

int add(int a, int b) { return a + b; }
static int subtract(int a, int b) { return a - b; }

int origin[2] = { 3, 4 };
int grid[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } };
unsigned char buffer[64];
static int hidden = 7;
int *to_origin = &origin[0];
int *inside = &origin[1];
char letters[] = "letters";
const char *text = "a string literal";
void *nothing = 0;
static const struct command commands[] = { { "add", add }, { "subtract", subtract } };
static struct node last = { 0, subtract, 2 };
static struct node first = { &last, add, 1 };
struct node *node = &first;
int (*op)(int, int) = add;
int (*no_op)(int, int) = 0;
extern int (*volatile choice)(int, int);
int (*volatile choice)(int, int) = subtract;

int count(void) {
  static int counter = 5;
  return ++counter;
}

const volatile void *volatile used;

int main(int argc, char **argv) {
  const volatile void *all[] = { origin, grid, buffer, &to_origin, &inside, letters, &text, &nothing, &no_op };
  for (int i = 0; i < 9; i++)
    used = all[i];
  int sum = op(argc, hidden) + commands[argc & 1].run(3, 4) + node->callback(1, 2) + choice(5, 6) + count();
  return sum == 0 && argv == 0;
}
