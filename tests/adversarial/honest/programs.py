# %% program: plain
n = int(input())
xs = list(map(int, input().split()))
print(*sorted(xs), sum(xs))
# %% program: reads_all_at_once
import sys
data = list(map(int, sys.stdin.buffer.read().split()))[1:]
sys.stdout.write(" ".join(map(str, sorted(data) + [sum(data)])))
# %% program: line_by_line
import sys
lines = [line.strip() for line in sys.stdin]
xs = [int(text) for text in lines[1].split()]
for x in sorted(xs):
    print(x)
print(sum(xs))
# %% program: fast_input
import os, sys, io
sys.stdin = io.StringIO(os.read(0, 1 << 20).decode())
input = sys.stdin.readline
n = int(input())
xs = list(map(int, input().split()))
sys.stdout.write(f"{' '.join(map(str, sorted(xs)))} {sum(xs)}\n")
# %% program: main_function_with_a_big_stack
import sys, threading
def main():
    n = int(input())
    xs = list(map(int, input().split()))
    def total(i):
        return xs[i] + total(i + 1) if i < n else 0
    print(*sorted(xs), total(0))
sys.setrecursionlimit(1 << 20)
threading.stack_size(1 << 26)
thread = threading.Thread(target=main)
thread.start()
thread.join()
# %% program: exits_with_zero
import sys
n, *xs = map(int, sys.stdin.read().split())
print(*sorted(xs), sum(xs))
sys.exit(0)
# %% program: exits_through_quit
n, xs = input(), list(map(int, input().split()))
print(*sorted(xs), sum(xs))
exit()
# %% program: hard_exit_after_flush
import os, sys
n, *xs = map(int, sys.stdin.read().split())
print(*sorted(xs), sum(xs), flush=True)
os._exit(0)
# %% program: one_and_a_half_seconds_of_nothing
import time
n, xs = input(), list(map(int, input().split()))
time.sleep(0.3)
print(*sorted(xs), sum(xs))
# %% program: chatter_on_the_error_stream
import sys
n, xs = input(), list(map(int, input().split()))
print("debug " * 10_000, file=sys.stderr)
print(*sorted(xs), sum(xs))
# %% program: daemon_thread_left_behind
import threading, time
threading.Thread(target=time.sleep, args=(0.2,), daemon=True).start()
n, xs = input(), list(map(int, input().split()))
print(*sorted(xs), sum(xs))
# %% program: asks_for_more_input_than_there_is
n, xs = input(), list(map(int, input().split()))
print(*sorted(xs), sum(xs))
try:
    input()
except EOFError:
    pass
# %% program: sieve_of_two_million
n, xs = input(), list(map(int, input().split()))
sieve = bytearray([1]) * 2_000_000
for p in range(2, 1415):
    if sieve[p]:
        sieve[p * p :: p] = bytes(len(range(p * p, 2_000_000, p)))
assert sum(sieve) - 2 == 148_933
print(*sorted(xs), sum(xs))
# %% program: json_and_files
import json, os
os.chdir("/tmp")
n, xs = input(), list(map(int, input().split()))
with open("numbers.json", "w") as file:
    json.dump(sorted(xs), file)
with open("numbers.json") as file:
    print(*json.load(file), sum(xs))
# %% unicode: reverses_each_line
import sys
for line in sys.stdin:
    print(line.rstrip("\n")[::-1])
# %% unicode: reverses_bytes_decoded_by_hand
import sys
text = sys.stdin.buffer.read().decode("utf-8")
out = "\n".join(line[::-1] for line in text.split("\n"))
sys.stdout.buffer.write(out.encode("utf-8"))
# %% tolerance: square_root
print(2 ** 0.5)
# %% tolerance: few_digits
print("1.4142136")
# %% tolerance: scientific
print(f"{14142.135623731e-4:.12e}")
# %% tolerance: decimal_digits
from decimal import Decimal, getcontext
getcontext().prec = 60
print(Decimal(2).sqrt())
# %% tolerance: newtons_method
x = 1.0
while abs(x * x - 2) > 1e-13:
    x -= (x * x - 2) / (2 * x)
print("%.10f" % x)
