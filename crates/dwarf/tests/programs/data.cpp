// Variables with linkage names.
namespace shapes {
int sides = 4;
struct Counter { static int made; };
int Counter::made = 2;
static int secret = 3;
int next() { static int id = 10; return ++id + secret; }
}
int main() { return shapes::sides + shapes::Counter::made + shapes::next(); }
