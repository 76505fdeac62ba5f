// Lua running a script: tables, strings, closures, methods, coroutines, sorting, garbage collection.
#include "bench.h"
#include "lauxlib.h"
#include "lualib.h"
#include <stdlib.h>
static const char script[] =
  "local function sieve(n) local t, c = {}, 0 for i = 2, n do t[i] = true end\n"
  "  for i = 2, n do if t[i] then c = c + 1 for j = i * i, n, i do t[j] = false end end end return c end\n"
  "local function words(n) local count, list = {}, {}\n"
  "  for i = 1, n do local w = 'w' .. (i * 7919 % 1009) count[w] = (count[w] or 0) + 1 end\n"
  "  for w, c in pairs(count) do list[#list + 1] = w .. ':' .. c end table.sort(list) return #table.concat(list, ',') end\n"
  "local Point = {} Point.__index = Point\n"
  "Point.__add = function(a, b) return setmetatable({ x = a.x + b.x, y = a.y + b.y }, Point) end\n"
  "function Point:dot(o) return self.x * o.x + self.y * o.y end\n"
  "local function points(n) local p, d, s = setmetatable({ x = 0, y = 0 }, Point), setmetatable({ x = 1, y = 2 }, Point), 0.5\n"
  "  for i = 1, n do p = p + d s = s + p:dot(d) % 7 end return s end\n"
  "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end\n"
  "local function queens(n) local found, cols, up, down = 0, {}, {}, {}\n"
  "  local function put(r) if r > n then found = found + 1 return end\n"
  "    for c = 1, n do if not (cols[c] or up[r + c] or down[r - c + n]) then\n"
  "      cols[c], up[r + c], down[r - c + n] = true, true, true put(r + 1)\n"
  "      cols[c], up[r + c], down[r - c + n] = nil, nil, nil end end end\n"
  "  put(1) return found end\n"
  "local function patterns(n) local c = 0 for i = 1, n do local s = ('k%d=v%d;'):format(i, i * i)\n"
  "  for k, v in s:gmatch('(%w+)=(%w+)') do c = c + #k + #v end c = c + #s:upper():rep(3) end return c end\n"
  "return table.concat({ sieve(100000), words(20000), points(60000), fib(22), queens(6), patterns(4000) }, ' ')\n";
static void work(void)
{
  lua_State *L = luaL_newstate();
  luaL_requiref(L, "_G", luaopen_base, 1);
  luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 1);
  luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 1);
  if (luaL_loadstring(L, script) || lua_pcall(L, 0, 1, 0)) abort();
  printf("lua %s\n", lua_tostring(L, -1));
  lua_close(L);
}
