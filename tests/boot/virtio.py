"""The host's end of the port in tests/boot/virtio: PATH of the socket, a file to send. Writes what
came back to FILE.back, and tells what the guest said."""
import socket
import sys
import time

path, file = sys.argv[1:]
data = open(file, "rb").read()
s = socket.socket(socket.AF_UNIX)
for _ in range(600):
    try:
        s.connect(path)
        break
    except OSError:
        time.sleep(0.1)
s.settimeout(100)
stream = s.makefile("rb")
s.sendall(b"hello guest\n")
print(stream.readline().decode().strip(), flush=True)
s.sendall(data)
with open(file + ".back", "wb") as back:
    back.write(stream.read(len(data)))
s.sendall(b"done\n")
stream.read()
