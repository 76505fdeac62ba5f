// a bytecode interpreter (big switch in a loop) running a sieve and a nested-loop program: branchy, br_table-heavy.
#include <stdint.h>
#include "bench.h"
#include <stdlib.h>
enum op { PUSH, LOAD, STORE, ADD, SUB, MUL, MOD, LT, EQ, JZ, JMP, ALOAD, ASTORE, DUP, POP, HALT };
struct insn { uint8_t op; int32_t arg; };
static int32_t vars[16], mem[65536];
static long executed;
HOT static int32_t run(const struct insn *code)
{
  int32_t stack[64], *sp = stack;
  long count = 0;
  for (const struct insn *pc = code;; pc++) {
    count++;
    switch (pc->op) {
    case PUSH: *sp++ = pc->arg; break;
    case LOAD: *sp++ = vars[pc->arg]; break;
    case STORE: vars[pc->arg] = *--sp; break;
    case ADD: sp--; sp[-1] += sp[0]; break;
    case SUB: sp--; sp[-1] -= sp[0]; break;
    case MUL: sp--; sp[-1] *= sp[0]; break;
    case MOD: sp--; sp[-1] %= sp[0]; break;
    case LT: sp--; sp[-1] = sp[-1] < sp[0]; break;
    case EQ: sp--; sp[-1] = sp[-1] == sp[0]; break;
    case JZ: if (!*--sp) pc = code + pc->arg - 1; break;
    case JMP: pc = code + pc->arg - 1; break;
    case ALOAD: sp[-1] = mem[sp[-1] & 65535]; break;
    case ASTORE: sp -= 2; mem[sp[0] & 65535] = sp[1]; break;
    case DUP: sp[0] = sp[-1]; sp++; break;
    case POP: sp--; break;
    case HALT: executed += count; return vars[0];
    default: abort();
    }
  }
}
// for (i = 0; i < N; i++) { sum = (sum * 31 + mem[i % 65536] + i) % 1000003; mem[i] = sum; }
static const struct insn prog[] = {
  { PUSH, 0 }, { STORE, 1 }, { PUSH, 1 }, { STORE, 0 },
  { LOAD, 1 }, { PUSH, 1000000 }, { LT, 0 }, { JZ, 25 },
  { LOAD, 0 }, { PUSH, 31 }, { MUL, 0 }, { LOAD, 1 }, { ALOAD, 0 }, { ADD, 0 }, { LOAD, 1 }, { ADD, 0 },
  { PUSH, 1000003 }, { MOD, 0 }, { STORE, 0 },
  { LOAD, 1 }, { LOAD, 0 }, { ASTORE, 0 },
  { LOAD, 1 }, { PUSH, 1 }, { JMP, 26 },
  { HALT, 0 }, { ADD, 0 }, { STORE, 1 }, { JMP, 4 },
};
static void work(void)
{
  int32_t r = 0;
  executed = 0;
  r ^= run(prog);
  printf("interp %d after %ld instructions\n", r, executed);
}
