"""A small QMP client and a checker of replies against what query-qmp-schema says. Knows nothing of
vemu: the wire format as clients of the protocol expect it (one object a line, CR and LF)."""
import json
import socket
import time


class Closed(Exception):
    pass


class Client:
    def __init__(self, path, negotiate=True):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        for tries in range(100):
            try:
                self.sock.connect(path)
                break
            except ConnectionRefusedError:  # its name is there, nobody listens yet
                if tries == 99:
                    raise
                time.sleep(0.02)
        self.buffer = b""
        self.events = []
        self.count = 0
        self.greeting = self.message()
        if negotiate:
            self.ask("qmp_capabilities")

    def close(self):
        self.sock.close()

    def line(self):
        while b"\r\n" not in self.buffer:
            try:
                more = self.sock.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                raise Closed()
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def message(self):
        return json.loads(self.line())

    def reply(self):
        while True:
            m = self.message()
            if "event" not in m:
                return m
            self.events.append(m)

    def send(self, name, /, **arguments):
        self.count += 1
        m = {"execute": name, "id": "libvirt-%d" % self.count}
        if arguments:
            m["arguments"] = {k.replace("_", "-"): v for k, v in arguments.items()}
        self.sock.sendall(json.dumps(m).encode() + b"\r\n")

    def call(self, name, /, **arguments):
        self.send(name, **arguments)
        r = self.reply()
        assert r.get("id") == "libvirt-%d" % self.count, r
        return r

    def ask(self, name, /, **arguments):
        r = self.call(name, **arguments)
        if "return" not in r:
            raise AssertionError("%s: %s" % (name, r))
        return r["return"]

    def refused(self, name, /, **arguments):
        """The class of the error."""
        r = self.call(name, **arguments)
        assert set(r) == {"error", "id"} and set(r["error"]) == {"class", "desc"}, r
        return r["error"]["class"]

    def event(self, name):
        """The next event of that name; those before it are dropped."""
        while True:
            m = self.events.pop(0) if self.events else self.message()
            if m.get("event") == name:
                assert set(m["timestamp"]) == {"seconds", "microseconds"}, m
                return m

    def until_closed(self):
        """What still comes before the other end hangs up."""
        try:
            while True:
                self.events.append(self.message())
        except Closed:
            return self.events


class Schema:
    def __init__(self, entries):
        self.entries = {}
        for e in entries:
            kind = e["meta-type"] if e["meta-type"] in ("command", "event") else "type"
            assert (kind, e["name"]) not in self.entries, e
            self.entries[kind, e["name"]] = e

    def commands(self):
        return [n for k, n in self.entries if k == "command"]

    def check(self, name, value, where):
        t = self.entries["type", name]
        meta = t["meta-type"]
        if meta == "builtin":
            kinds = {"string": str, "boolean": bool, "int": int, "number": (int, float)}
            kind = kinds.get(t["json-type"], object)
            assert isinstance(value, kind), (where, value)
            assert kind is not int or not isinstance(value, bool), (where, value)
        elif meta == "enum":
            assert value in t["values"], (where, value)
        elif meta == "array":
            assert isinstance(value, list), (where, value)
            for i, v in enumerate(value):
                self.check(t["element-type"], v, "%s[%d]" % (where, i))
        elif meta == "object":
            assert isinstance(value, dict), (where, value)
            members = {m["name"]: m for m in t["members"]}
            for k, v in value.items():
                assert k in members, (where, k)
                self.check(members[k]["type"], v, where + "." + k)
            for m in members.values():
                assert "default" in m or m["name"] in value, (where, m)
        else:
            raise AssertionError(t)

    def reply(self, command, value):
        self.check(self.entries["command", command]["ret-type"], value, command)

    def event(self, m):
        self.check(self.entries["event", m["event"]]["arg-type"], m.get("data", {}), m["event"])
