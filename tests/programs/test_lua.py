# SPDX-License-Identifier: MIT
"""Lua 5.4 from Debian's source, static with musl."""
import sources  # noqa: I001  (sets the path to the harness)
from harness import case, main
from programs import Pair

SCRIPT = r'''
local t = {}
for i = 1, 200000 do t[i] = (i * 7919) % 100003 end
table.sort(t)
print(#t, t[1], t[#t])
local s = {}
for w in ("the quick brown fox "):rep(1000):gmatch("%a+") do s[w] = (s[w] or 0) + 1 end
for _, k in ipairs { "brown", "fox", "quick", "the" } do print(k, s[k]) end
print(("x"):rep(3, ","), string.format("%5.2f %q %x", math.pi, "a\nb", 255))
print(pcall(error, { code = 1 }), select(2, pcall(function() return nil + 1 end)))
local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
print(co(), co(), co())
local f = assert(io.open("out.txt", "w"))
for i = 1, 1000 do f:write(i, "\n") end
f:close()
local sum = 0
for line in io.lines("out.txt") do sum = sum + tonumber(line) end
print(sum, io.read("a"))
print(os.rename("out.txt", "renamed.txt"), os.remove("nowhere"))
print(os.getenv("HOME"), os.getenv("NO"), os.date("!%Y", 86400 * 365))
collectgarbage() print(collectgarbage("count") < 100000, #arg, arg[1])
os.exit(42)
'''


@case
def a_script():
    pair = Pair(sources.lua(), lambda work: (work / 'test.lua').write_text(SCRIPT))
    with pair.keep:
        out = pair.same('test.lua', 'first', stdin=b'from stdin')
        assert b'from stdin' in out
        assert pair.vm('test.lua').returncode == 42


@case
def errors_and_expressions():
    pair = Pair(sources.lua(), lambda work: None)
    with pair.keep:
        pair.same('-e', 'print(2^53, 10 // 3, 7 % -3, 1 << 62, 3 | 4)')
        pair.same('-e', 'error("deliberate")')
        pair.same('nowhere.lua')
        pair.same('-', stdin=b'print(_VERSION)')


@case
def memory_runs_out_politely():
    pair = Pair(sources.lua(), lambda work: None)
    with pair.keep:
        done = pair.vm('-e', 'local s = "x" while true do s = s .. s end', options=['-m', '64M'])
        assert done.returncode in (1, 137), done


if __name__ == '__main__':
    main()
