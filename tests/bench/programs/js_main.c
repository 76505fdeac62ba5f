// Duktape running JavaScript: objects, closures, strings, regular expressions, typed arrays, sorting, JSON.
#include "bench.h"
#include "duktape.h"
#include <stdlib.h>
static const char script[] =
  "(function () {\n"
  "function sieve(n) { var a = new Uint8Array(n), c = 0; for (var i = 2; i < n; i++) { if (a[i]) continue; c++;\n"
  "  for (var j = i * i; j < n; j += i) a[j] = 1; } return c; }\n"
  "function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }\n"
  "function Point(x, y) { this.x = x; this.y = y; }\n"
  "Point.prototype.add = function (o) { return new Point(this.x + o.x, this.y + o.y); };\n"
  "function points(n) { var p = new Point(0, 0), d = new Point(1, 0.5); for (var i = 0; i < n; i++) p = p.add(d); return p.x * p.y; }\n"
  "function words(n) { var count = {}, list = []; for (var i = 0; i < n; i++) { var w = 'w' + i * 7919 % 307; count[w] = (count[w] || 0) + 1; }\n"
  "  for (var k in count) list.push(k + ':' + count[k]); return list.sort().join(',').length; }\n"
  "function closures(n) { var fs = [], s = 0; for (var i = 0; i < 8; i++) fs.push((function (k) { return function (x) { return x * k & 1023; }; })(i));\n"
  "  for (var j = 0; j < n; j++) s += fs[j & 7](j); return s; }\n"
  "function patterns(n) { var s = 0; for (var i = 0; i < n; i++) s += ('k' + i + '=v' + i * i + ';').replace(/(\\w+)=(\\w+)/, '$2:$1').length; return s; }\n"
  "function json(n) { var o = []; for (var i = 0; i < n; i++) o.push({ id: i, name: 'n' + i, tags: [i, i + 1] }); return JSON.stringify(JSON.parse(JSON.stringify(o))).length; }\n"
  "return [sieve(20000), fib(16), points(4000), words(3000), closures(12000), patterns(300), json(300)].join(' ');\n"
  "})()";
static void work(void)
{
  duk_context *context = duk_create_heap_default();
  if (!context || duk_peval_string(context, script)) abort();
  printf("js %s\n", duk_get_string(context, -1));
  duk_destroy_heap(context);
}
