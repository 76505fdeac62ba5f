// An interpreter that calls a function for each node of an expression, through a pointer: closures made from source text.
#include "bench.h"
#include <ctype.h>
#include <stdlib.h>
struct node;
typedef int (*evaluate)(const struct node *node, int *variables);
struct node { evaluate run; const struct node *left, *right; int value; };
static struct node nodes[256];
static int used;
static int run(const struct node *node, int *variables) { return node->run(node, variables); }
static int constant(const struct node *node, int *variables) { return node->value; }
HOT static int variable(const struct node *node, int *variables) { return variables[node->value]; }
#define BINARY(name, op) \
  static int name(const struct node *node, int *variables) \
  { int left = run(node->left, variables), right = run(node->right, variables); return (int)((unsigned)left op (unsigned)right); }
BINARY(sum, +)
BINARY(difference, -)
BINARY(product, *)
BINARY(both, &)
BINARY(mixed, ^)
static int less(const struct node *node, int *variables) { return run(node->left, variables) < run(node->right, variables); }
static int assign(const struct node *node, int *variables) { return variables[node->value] = run(node->right, variables); }
static int sequence(const struct node *node, int *variables) { run(node->left, variables); return run(node->right, variables); }
static int loop(const struct node *node, int *variables)
{
  int rounds = 0;
  for (; run(node->left, variables); rounds++) run(node->right, variables);
  return rounds;
}
static const char *text;
static struct node *make(evaluate run, const struct node *left, const struct node *right, int value)
{
  nodes[used] = (struct node){ run, left, right, value };
  return &nodes[used++];
}
// (operator left right), a letter for a variable, digits for a number.
static struct node *parse(void)
{
  while (*text == ' ') text++;
  if (isdigit((unsigned char)*text)) return make(constant, 0, 0, (int)strtol(text, (char **)&text, 10));
  if (*text != '(') return make(variable, 0, 0, *text++ - 'a');
  char op = text[1];
  text += 2;
  struct node *left = parse(), *right = parse();
  text++;
  switch (op) {
  case '+': return make(sum, left, right, 0);
  case '-': return make(difference, left, right, 0);
  case '*': return make(product, left, right, 0);
  case '&': return make(both, left, right, 0);
  case '^': return make(mixed, left, right, 0);
  case '<': return make(less, left, right, 0);
  case ';': return make(sequence, left, right, 0);
  case '?': return make(loop, left, right, 0);
  case '=': return make(assign, 0, right, left->value);
  default: abort();
  }
}
static void work(void)
{
  int variables[26] = { 0 };
  used = 0;
  text = "(? (< i 300) (; (= j 0) (; (? (< j 1000) (; (= s (^ (+ (* s 31) (& i j)) (- j i))) (= j (+ j 1)))) (= i (+ i 1)))))";
  int rounds = run(parse(), variables);
  printf("closures %d after %d\n", variables['s' - 'a'], rounds);
}
