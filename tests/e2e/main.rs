//! Sessions of stock debuggers against the server.
fn main() {}
