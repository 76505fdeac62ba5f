/* The program that `wasm-gdbserver demo` debugs. The server carries this file and demo.wasm, made from it by
 *
 *     clang-19 --target=wasm32-wasi -g -O0 -ffile-prefix-map="$PWD"=. -o demo.wasm demo.c
 */
#include <stdio.h>

enum kind { DEPOSIT, WITHDRAWAL };

struct entry {
    enum kind kind;
    long long cents;
    const char *text;
};

struct account {
    const char *owner;
    long long balance;
    int entries;
};

static const struct entry book[] = {
    {DEPOSIT, 125000, "salary"},
    {WITHDRAWAL, 4999, "shoes"},
    {WITHDRAWAL, 1250, "lunch"},
};

static int apply(struct account *account, const struct entry *entry) {
    long long sign = entry->kind == DEPOSIT ? 1 : -1;
    account->balance += sign * entry->cents;
    account->entries++;
    return account->balance >= 0;
}

/* The balance after some years at 2 percent, in cents. */
static long long after(long long balance, int years) {
    if (years == 0)
        return balance;
    return after(balance + balance / 50, years - 1);
}

int main(void) {
    struct account account = {"Ada", 0, 0};
    for (int i = 0; i < 3; i++) {
        int is_fine = apply(&account, &book[i]);
        printf("%-8s %10.2f%s\n", book[i].text, account.balance / 100.0, is_fine ? "" : " !");
    }
    long long later = after(account.balance, 3);
    printf("in 3 years %8.2f\n", later / 100.0);
    return 0;
}
