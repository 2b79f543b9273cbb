"""Work for python3: loops and arithmetic, JSON, dictionaries and strings. Prints what it computed."""
import json
import math
import sys


def loop():
    """Primes, a permutation game, and a small n-body in plain bytecode."""
    sieve = bytearray([1]) * 60000
    for n in range(2, 245):
        if sieve[n]:
            for k in range(n * n, 60000, n):
                sieve[k] = 0
    count = sum(sieve) - 2
    flips = 0
    for seed in range(400):
        p = [(seed * 7 + k * 5) % 11 for k in range(11)]
        while p[0]:
            k = p[0] + 1
            p[:k] = p[:k][::-1]
            flips += 1
            if flips % 97 == 0:
                break
    x, y, vx, vy = 1.0, 0.0, 0.0, 0.9
    for _ in range(40000):
        r2 = x * x + y * y
        a = -1.0 / (r2 * math.sqrt(r2))    # exact, unlike pow, which libm has for each processor
        vx += 0.001 * a * x
        vy += 0.001 * a * y
        x += 0.001 * vx
        y += 0.001 * vy
    return count, flips, "%.12f %.12f" % (x, y)


def jsons():
    """Records written and read again."""
    rows = [{"id": k, "name": "row %d" % k, "values": [k * j % 97 / 8 for j in range(12)],
             "tags": {"even": k % 2 == 0, "none": None}} for k in range(1500)]
    total = 0
    for _ in range(6):
        text = json.dumps(rows, sort_keys=True)
        back = json.loads(text)
        total += len(text) + sum(len(r["values"]) for r in back)
    slow = json.JSONEncoder(indent=1).encode(rows[:300])
    return total, len(slow)


def dicts():
    """Words counted, objects with methods, sorting."""
    words = []
    seed = 42
    for _ in range(60000):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        words.append("w%d" % (seed >> 16 & 2047))
    counts = {}
    for w in words:
        counts[w] = counts.get(w, 0) + 1
    top = sorted(counts.items(), key=lambda kv: (-kv[1], kv[0]))[:20]

    class Node:
        def __init__(self, key):
            self.key, self.left, self.right = key, None, None

        def insert(self, key):
            node = self
            while node.key != key:
                side = "left" if key < node.key else "right"
                below = getattr(node, side)
                if below is None:
                    below = Node(key)
                    setattr(node, side, below)
                node = below

    root = Node(words[0])
    for w in words[:20000]:
        root.insert(w)
    text = " ".join(words)
    return top, text.count("w1"), len(text.replace("w2", "").split(" "))


print({"loop": loop, "json": jsons, "dict": dicts}[sys.argv[1]]())
