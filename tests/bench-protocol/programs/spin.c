// Calls a function for ever, and prints nothing: there is always a breakpoint to hit, an operator to step, a loop to interrupt.
static volatile unsigned counter;
static unsigned char filler[65536];
static void work(unsigned amount)
{
  counter += amount;
}
int main(void)
{
  for (unsigned i = 0; i < sizeof filler; i++)
    filler[i] = (unsigned char)(i * 7);
  for (;;)
    work(filler[counter & 0xffff]);
}
