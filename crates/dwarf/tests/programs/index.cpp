// Names of all kinds, for an index of them. Without a library.

namespace shapes {

enum class Color : unsigned char { Red, Green };
enum Corner { Left, Right };

template <typename T, unsigned long N> struct Row {
    T items[N];
    const T &at(unsigned long index) const { return items[index]; }
    operator bool() const { return N > 0; }
    Row operator<<(int) const { return *this; }
};

struct Shape {
    struct Inner { int depth; };
    static int count;
    Color color;
    int area(const Row<const Inner *, 2> &inner);
    static int total(int more);
};

int Shape::count = 3;

namespace {
int hidden = 4;
int look(int n) { return n + hidden; }
} // namespace

inline int twice(int n) {
    static int calls;
    return 2 * n + ++calls;
}

int Shape::area(const Row<const Inner *, 2> &inner) { return inner.at(0)->depth + look(count); }

int Shape::total(int more) { return count + twice(more); }

} // namespace shapes

typedef shapes::Row<shapes::Shape, 2> Shapes;

extern "C" int plain(int n) { return n + shapes::Left; }

static int constant_of_file = 7;

template <char C> int letter() { return C; }

int main() {
    shapes::Shape::Inner inner = {5};
    shapes::Row<const shapes::Shape::Inner *, 2> row = {{&inner, &inner}};
    Shapes all = {};
    shapes::Shape &shape = all.items[1];
    auto sum = [&](int n) { return n + shape.area(row) + constant_of_file; };
    return sum(plain(1)) + shapes::Shape::total(2) + letter<'x'>() + (row << 3 ? 1 : 0);
}
