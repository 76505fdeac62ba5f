//! What the tests of this package share: compilers, fixtures, a server process, a gdb process, a raw packet client.
