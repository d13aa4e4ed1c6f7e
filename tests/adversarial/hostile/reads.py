# %% escape: environment
import os
if any("SECRET" in name for name in os.environ):
    print("ESCAPED")
# %% escape: environment_of_the_process_table
for path in ("/proc/self/environ", "/proc/1/environ", "/proc/self/status", "/proc/version"):
    try:
        open(path).read()
        print("ESCAPED")
        break
    except OSError:
        pass
# %% escape: process_table
import os
if os.path.isdir("/proc/1") or os.path.isdir("/proc/self"):
    print("ESCAPED")
# %% escape: memory_through_proc
import os
try:
    os.open("/proc/self/mem", os.O_RDWR)
    print("ESCAPED")
except OSError:
    pass
# %% escape: planted_file
import sys
for path in sys.stdin.read().split():
    try:
        open(path).read()
        print("ESCAPED")
        break
    except OSError:
        pass
# %% escape: planted_folder
import os, sys
for path in sys.stdin.read().split()[:2]:
    try:
        os.listdir(os.path.dirname(path))
        print("ESCAPED")
        break
    except OSError:
        pass
# %% escape: planted_file_through_a_link
import os, sys
for number, path in enumerate(sys.stdin.read().split()):
    try:
        os.symlink(path, f"/tmp/link{number}")
        open(f"/tmp/link{number}").read()
        print("ESCAPED")
        break
    except OSError:
        pass
# %% escape: planted_file_from_the_root_up
import os, sys
for path in sys.stdin.read().split():
    try:
        os.chdir("/tmp")
        open("../" * 30 + path.lstrip("/")).read()
        print("ESCAPED")
        break
    except OSError:
        pass
# %% escape: shadow_passwords
try:
    open("/etc/shadow").read()
    print("ESCAPED")
except OSError:
    pass
# %% escape: home_folders
import os, sys
own = sys.base_prefix.split("/")  # the way to the interpreter
for path in ("/root", "/home", os.path.expanduser("~")):
    try:
        if set(os.listdir(path)) - set(own):
            print("ESCAPED")
            break
    except OSError:
        pass
# %% escape: interpreter_written_to
import os, sys
for folder in {sys.prefix, os.path.dirname(os.__file__), os.path.dirname(sys.executable), "/"}:
    try:
        open(os.path.join(folder, "escaped"), "w").close()
        print("ESCAPED")
        break
    except OSError:
        pass
# %% escape: file_left_for_the_next_job
import os
paths = [os.path.join(folder, "left_behind") for folder in ("/tmp", "/dev/shm", "/var/tmp", ".")]
if any(map(os.path.exists, paths)):
    print("ESCAPED")
for path in paths:
    try:
        open(path, "w").close()
    except OSError:
        pass
# %% escape: shared_memory_left_for_the_next_job
from multiprocessing import shared_memory
try:
    shared_memory.SharedMemory("left_behind", create=True, size=16)
    print("ESCAPED")
except OSError:
    pass
# %% escape: old_shared_memory_by_number
import ctypes
if ctypes.CDLL(None).shmget(4242, 4096, 0o1666) >= 0:
    print("ESCAPED")
# %% escape: message_queue_by_number
import ctypes
if ctypes.CDLL(None).msgget(4242, 0o1666) >= 0:
    print("ESCAPED")
# %% escape: semaphores_by_number
import ctypes
if ctypes.CDLL(None).semget(4242, 1, 0o1666) >= 0:
    print("ESCAPED")
# %% escape: internet_socket
import socket
for family in (socket.AF_INET, socket.AF_INET6):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        try:
            socket.socket(family, kind)
            print("ESCAPED")
        except OSError:
            pass
# %% escape: local_socket
import socket
try:
    link = socket.socket(socket.AF_UNIX)
    link.bind("\0left_behind")
    print("ESCAPED")
except OSError:
    pass
# %% escape: kernel_socket
import socket
for family in (16, 17, 38, 40):  # netlink, packet, alg, vsock
    try:
        socket.socket(family, socket.SOCK_RAW)
        print("ESCAPED")
    except OSError:
        pass
# %% escape: connection_to_this_machine
import socket
for port in (22, 80, 6379, 8265, 10001):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.1)
        print("ESCAPED")
    except OSError:
        pass
# %% escape: names_resolved
import socket
try:
    socket.getaddrinfo("localhost", 80)
    socket.create_connection(("localhost", 80), 0.1)
    print("ESCAPED")
except OSError:
    pass
# %% escape: parent_traced
import ctypes, os
libc = ctypes.CDLL(None)
for request in (0, 16, 0x4206):  # TRACEME, ATTACH, SEIZE
    if libc.ptrace(request, os.getppid(), 0, 0) == 0:
        print("ESCAPED")
# %% escape: memory_of_other_processes
import ctypes
libc = ctypes.CDLL(None)
buffer = ctypes.create_string_buffer(64)
class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
local = Vector(ctypes.addressof(buffer), 64)
for pid in range(1, 300):
    if libc.process_vm_readv(pid, ctypes.byref(local), 1, ctypes.byref(local), 1, 0) > 0:
        print("ESCAPED")
        break
# %% escape: new_namespaces
import ctypes
libc = ctypes.CDLL(None)
for flag in (0x10000000, 0x00020000, 0x20000000, 0x40000000, 0x08000000, 0x04000000):
    if libc.unshare(flag) == 0:
        print("ESCAPED")
        break
# %% escape: mounts
import ctypes
libc = ctypes.CDLL(None)
if libc.mount(b"tmpfs", b"/tmp", b"tmpfs", 0, b"") == 0 or libc.umount2(b"/tmp", 2) == 0:
    print("ESCAPED")
# %% escape: other_root
import os
try:
    os.chroot("/tmp")
    print("ESCAPED")
except OSError:
    pass
# %% escape: another_user
import os
for change in (os.setuid, os.setgid, os.setreuid and (lambda n: os.setreuid(n, n))):
    try:
        change(0)
        if os.getuid() == 0 and os.path.exists("/etc/shadow"):
            print("ESCAPED")
    except OSError:
        pass
# %% escape: rare_system_calls
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
page = ctypes.create_string_buffer(4096)
calls = {
    "io_uring_setup": (425, 4, page), "bpf": (321, 0, page, 64), "userfaultfd": (323, 0),
    "perf_event_open": (298, page, 0, -1, -1, 0), "add_key": (248, b"user", b"k", b"v", 1, -4),
    "keyctl": (250, 0, -4, 1), "pidfd_open": (434, 1, 0), "open_tree": (428, -100, b"/", 1),
    "fsopen": (430, b"tmpfs", 0), "mq_open": (240, b"q", 0o102, 0o600, 0), "swapon": (167, b"/", 0),
    "init_module": (175, page, 1, b""), "kexec_load": (246, 0, 0, 0, 0), "syslog": (103, 2, page, 64),
    "quotactl": (179, 0, b"/", 0, page), "personality": (135, 0x0040000), "setns": (308, 0, 0),
    "name_to_handle_at": (303, -100, b"/", page, page, 0), "fanotify_init": (300, 0, 0),
    "process_madvise": (440, 0, page, 1, 0, 0),
}
for name, (number, *arguments) in calls.items():
    if libc.syscall(number, *arguments) >= 0:
        print("ESCAPED", name)
# %% escape: system_calls_of_the_other_interface
import ctypes, mmap
# x32: the bit 0x40000000 selects another table of system calls
libc = ctypes.CDLL(None)
if libc.syscall(0x40000000 | 39) > 0:
    print("ESCAPED")
# %% escape: devices
import os
for path in ("/dev/mem", "/dev/kmsg", "/dev/kvm", "/dev/fuse", "/dev/tty", "/dev/ptmx", "/dev/sda"):
    try:
        os.open(path, os.O_RDWR)
        print("ESCAPED")
        break
    except OSError:
        pass
# %% escape: system_settings
for path in ("/sys/kernel/mm/transparent_hugepage/enabled", "/sys/fs/cgroup/cgroup.procs"):
    try:
        open(path).read()
        print("ESCAPED")
        break
    except OSError:
        pass
# %% escape: device_made
import os, stat
try:
    os.mknod("/tmp/device", 0o600 | stat.S_IFBLK, os.makedev(8, 0))
    os.open("/tmp/device", os.O_RDONLY)
    print("ESCAPED")
except OSError:
    pass
# %% escape: host_name
import socket
try:
    socket.sethostname("escaped")
    print("ESCAPED")
except OSError:
    pass
# %% escape: clock_set
import time
try:
    time.clock_settime(time.CLOCK_REALTIME, time.time() + 1)
    print("ESCAPED")
except OSError:
    pass
# %% escape: this_project_imported
import sys
for path in sys.stdin.read().split():
    sys.path.append(path.rpartition("/")[0])
for name in ("verifiers.code", "rlsys.config.schema", "ray"):
    try:
        __import__(name)
        print("ESCAPED")
    except ImportError:
        pass
