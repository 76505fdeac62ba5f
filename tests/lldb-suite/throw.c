/* What a C++ program calls to throw. Debian's C++ library for WASI is built without exceptions and has not these; a program
   that throws nothing when it runs shall link all the same. */
#include <stddef.h>

void *__cxa_allocate_exception(size_t size) {
  (void)size;
  __builtin_trap();
}

void __cxa_free_exception(void *thrown) {
  (void)thrown;
  __builtin_trap();
}

void __cxa_throw(void *thrown, void *type, void *destructor) {
  (void)thrown;
  (void)type;
  (void)destructor;
  __builtin_trap();
}

void __cxa_rethrow(void) { __builtin_trap(); }

void *__cxa_begin_catch(void *thrown) {
  (void)thrown;
  __builtin_trap();
}

void __cxa_end_catch(void) { __builtin_trap(); }
