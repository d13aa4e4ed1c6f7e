# %% function: success_written_to_every_descriptor
import os
def solve(xs):
    for fd in range(1, 256):
        try:
            os.write(fd, b"\x01\x00\x00\x00T")
        except OSError:
            pass
    os._exit(0)
# %% function: huge_length_written_to_every_descriptor
import os
def solve(xs):
    for fd in range(1, 256):
        try:
            os.write(fd, b"\xff" * 64)
        except OSError:
            pass
# %% function: noise_written_to_every_descriptor
import os, random
def solve(xs):
    for fd in range(1, 256):
        try:
            os.write(fd, random.Random(fd).randbytes(4096))
        except OSError:
            pass
    return (sorted(xs)[::-1], 0)
# %% function: every_descriptor_closed
import os
os.closerange(0, 4096)
def solve(xs):
    return None
# %% function: descriptors_shuffled
import os
def solve(xs):
    for fd in range(0, 16):
        for other in range(0, 16):
            try:
                os.dup2(fd, other)
            except OSError:
                pass
    return None
# %% function: requests_stolen
import os
def solve(xs):
    for fd in range(0, 64):
        try:
            os.set_blocking(fd, False)
            os.read(fd, 65536)
        except OSError:
            pass
    return None
# %% function: own_request_sent_back
import os
def solve(xs):
    for fd in range(0, 64):
        try:
            os.set_blocking(fd, False)
            data = os.read(fd, 65536)
            os.write(fd, data)
        except OSError:
            pass
    return xs
# %% function: last_reply_repeated_by_a_thread
import os, threading, time
def repeat():
    while True:
        for fd in range(3, 16):
            try:
                os.write(fd, b"\x00\x00\x00\x01")
            except OSError:
                pass
threading.Thread(target=repeat, daemon=True).start()
def solve(xs):
    time.sleep(0.05)
    return None
# %% function: half_a_reply
import os
def solve(xs):
    for fd in range(3, 16):
        try:
            os.write(fd, b"\x10\x00\x00\x00abc")
        except OSError:
            pass
    while True:
        pass
# %% function: sockets_among_the_descriptors
import os, socket, stat
def solve(xs):
    for fd in range(0, 64):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                link = socket.socket(fileno=os.dup(fd))
                socket.send_fds(link, [b"correct"], [0, 1, 2])
                link.shutdown(socket.SHUT_RDWR)
        except (OSError, ValueError):
            pass
    return None
# %% program: standard_output_replaced_by_the_input
import os
os.dup2(0, 1)
os.write(1, b"correct")
# %% program: standard_output_closed
import os, sys
numbers = sorted(map(int, sys.stdin.read().split()[1:]))
os.close(1)
os.open("/tmp/out", os.O_CREAT | os.O_RDWR)
print(*numbers, sum(numbers))
