#!/usr/bin/env python3
"""An adapter: the server side of the bridge protocol (telephony/bridge/PROTOCOL.md), version 1.

A routing engine connects, registers a DN, and routes the call that waits there. Class Switch stands
for the SDK of a switch: replace it, the rest stays. It needs the standard library only.

    adapter.py [ADDRESS [SECRET-FILE]]
"""
import base64
import hashlib
import hmac
import json
import os
import socket
import struct
import sys
import threading
from datetime import datetime, timezone

MAX_FRAME = 1 << 20


class Fault(Exception):
    """The peer broke the rules, or has to go for another reason: the code of bye."""


class Connection:
    """One client: frames, the opening, and the numbers of events."""

    def __init__(self, sock, secrets, switch):
        self.sock, self.secrets, self.switch = sock, secrets, switch
        self.file = sock.makefile("rb")
        self.max_in, self.max_out = 16384, 16384
        self.lock = threading.Lock()  # events come from the SDK's threads as well
        self.seq = self.acked = self.ref = 0
        self.window = 1024

    def read(self):
        head = self.file.read(4)
        if len(head) < 4:
            raise EOFError
        (size,) = struct.unpack(">I", head)
        if size < 2:
            raise Fault("bad-frame")
        if size > self.max_in:
            raise Fault("frame-too-large")
        text = self.file.read(size)
        if len(text) < size:
            raise EOFError
        try:
            frame = json.loads(text.decode("utf-8"))
        except ValueError:
            raise Fault("bad-frame")
        if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
            raise Fault("bad-frame")
        return text, frame

    def write(self, frame):
        text = json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        if len(text) > self.max_out:
            raise Fault("internal")
        self.sock.sendall(struct.pack(">I", len(text)) + text)
        return text

    def open(self):
        """hello, challenge, auth, welcome."""
        hello_text, hello = self.read()
        if hello["type"] != "hello" or hello.get("protocol") != "ors-bridge" or 1 not in hello.get("versions", []):
            raise Fault("version")
        self.window = hello.get("window", 1024)
        secret = self.secrets.get(hello.get("client"), self.secrets.get("*"))
        nonce = base64.b64encode(os.urandom(32)).decode()
        challenge = {"type": "challenge", "version": 1, "nonce": nonce, "auth": "hmac-sha256" if secret else "none"}
        transcript = hashlib.sha256(hello_text).digest() + hashlib.sha256(self.write(challenge)).digest()

        def proof(side):
            mac = hmac.new(secret, b"ors-bridge " + side + b"\0" + transcript, hashlib.sha256)
            return base64.b64encode(mac.digest()).decode()

        _, auth = self.read()
        if auth["type"] != "auth":
            raise Fault("bad-frame")
        welcome = {"type": "welcome", "session": os.urandom(16).hex(), "server": "adapter",
                   "capabilities": ["Monitor", "Route"], "requests": 1024, "maxFrame": MAX_FRAME}
        if secret:
            if not hmac.compare_digest(proof(b"client").encode(), str(auth.get("proof")).encode()):
                raise Fault("auth")
            welcome["proof"] = proof(b"server")
        self.write(welcome)
        self.max_in, self.max_out = MAX_FRAME, hello.get("maxFrame", MAX_FRAME)

    def event(self, name, **body):
        """Tell the client. ReferenceID goes to whoever asked, in its place among the others."""
        with self.lock:
            if self.seq - self.acked >= self.window:
                raise Fault("slow-reader")
            self.seq += 1
            body.setdefault("Server", "adapter")
            body.setdefault("Time", datetime.now(timezone.utc).isoformat().replace("+00:00", "Z"))
            self.write({"type": "event", "seq": self.seq, "name": name, "body": body})

    def serve(self):
        try:
            self.open()
            self.event("EventLinkConnected")
            while True:
                _, frame = self.read()
                kind = frame["type"]
                if kind == "request":
                    ref = frame.get("ref")
                    if not isinstance(ref, int):
                        raise Fault("bad-frame")
                    if ref > self.ref:  # else it is a repeat
                        self.ref = ref
                        self.switch.request(self, ref, frame.get("name"), frame.get("body", {}))
                elif kind == "ack":
                    self.acked = frame["seq"]
                elif kind == "ping":
                    with self.lock:
                        self.write({"type": "pong", "id": frame.get("id", 0)})
                elif kind == "bye":
                    return
                elif kind != "pong":
                    raise Fault("bad-frame")
        except Fault as fault:
            try:
                with self.lock:
                    self.write({"type": "bye", "code": str(fault)})
            except (Fault, OSError):
                pass
        except (EOFError, OSError):
            pass  # the client is gone
        finally:
            self.sock.close()


class Switch:
    """A switch with one routing point, 5000, where one call waits. Yours asks the SDK."""

    call = {"ConnID": "0001000000000001", "CallType": 2, "ThisDN": "5000", "ThisQueue": "5000", "ANI": "030123"}

    def request(self, to, ref, name, body):
        if name == "RequestRegisterAddress":
            to.event("EventRegistered", ReferenceID=ref, ThisDN=body["ThisDN"], AddressType=body.get("AddressType", 0))
            if body["ThisDN"] == "5000":
                to.event("EventRouteRequest", **self.call, UserData=[["customer", "4711"]])
        elif name == "RequestRouteCall" and body.get("ConnID") == self.call["ConnID"]:
            where = {"ThirdPartyDN": body.get("Destination", ""), "ThirdPartyRole": 2}
            to.event("EventRouteUsed", ReferenceID=ref, **self.call, **where)
            to.event("EventDiverted", **self.call, **where)
        else:
            to.event("EventError", ReferenceID=ref, ThisDN=body.get("ThisDN", ""), ErrorMessage="there is no such thing here: %s" % name)


def main():
    host, port = (sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:7020").rsplit(":", 1)
    secrets = {}
    if len(sys.argv) > 2:
        with open(sys.argv[2], "rb") as f:
            secrets["*"] = f.read().strip()
    with socket.create_server((host, int(port))) as server:
        print("adapter listens on %s:%d" % server.getsockname()[:2], flush=True)
        while True:
            sock, _ = server.accept()
            threading.Thread(target=Connection(sock, secrets, Switch()).serve, daemon=True).start()


if __name__ == "__main__":
    main()
