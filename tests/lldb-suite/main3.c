/* For programs whose `main` has three parameters. wasi-libc calls `main` under this name with two. */
extern char **environ;
int main_with_environment(int argc, char **argv, char **envp) __asm__("main");
int main_with_two(int argc, char **argv) __asm__("__main_argc_argv");

int main_with_two(int argc, char **argv) { return main_with_environment(argc, argv, environ); }
