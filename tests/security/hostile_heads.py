"""Start lines, headers and sequences of requests that no honest client sends, and legal ones that look like them."""

from security.raw_http import GOOD, KEYS, Case, answered, refused

HOST = b"host: h\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\n"
CALL = b"GET /api/v1/partner/calls/%s HTTP/1.1\r\n" + HOST + KEYS + b"\r\n"


def _line(line: bytes) -> bytes:
    return line + b"\r\n" + HOST + b"\r\n"


def _get(target: bytes) -> bytes:
    return _line(b"GET " + target + b" HTTP/1.1")


def _with(*lines: bytes) -> bytes:
    return HEALTH + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


_BAD_LINES = {
    "no version": b"GET /healthz",
    "no version but a space": b"GET /healthz ",
    "nothing but a method": b"GET",
    "HTTP/0.9": b"GET /healthz HTTP/0.9",
    "HTTP/1.2": b"GET /healthz HTTP/1.2",
    "HTTP/1.10": b"GET /healthz HTTP/1.10",
    "HTTP/1": b"GET /healthz HTTP/1",
    "HTTP/2.0": b"GET /healthz HTTP/2.0",
    "HTTP/3.0": b"GET /healthz HTTP/3.0",
    "lower case version": b"GET /healthz http/1.1",
    "misspelt version": b"GET /healthz HTPP/1.1",
    "something behind the version": b"GET /healthz HTTP/1.1 x",
    "lower case method": b"get /healthz HTTP/1.1",
    "mixed case method": b"GeT /healthz HTTP/1.1",
    "no method": b"/healthz HTTP/1.1",
    "space before the method": b" GET /healthz HTTP/1.1",
    "NUL in the method": b"G\x00ET /healthz HTTP/1.1",
    "tabs for spaces": b"GET\t/healthz\tHTTP/1.1",
    "unknown method": b"STEAL /healthz HTTP/1.1",
    "endless method": b"A" * 5000 + b" /healthz HTTP/1.1",
    "method of another protocol": b"DESCRIBE /healthz HTTP/1.1",
    "an answer": b"HTTP/1.1 200 OK",
    "no target": b"GET HTTP/1.1",
    "target without a slash": b"GET healthz HTTP/1.1",
    "asterisk for GET": b"GET * HTTP/1.1",
    "authority for GET": b"GET example.com:80 HTTP/1.1",
    "CONNECT": b"CONNECT example.com:443 HTTP/1.1",
    "another scheme": b"GET ftp://h/healthz HTTP/1.1",
    "absolute without a host": b"GET http:///healthz HTTP/1.1",
    "absolute without a path": b"GET http://h HTTP/1.1",
    "half an IPv6 address": b"GET http://[::1/healthz HTTP/1.1",
    "fragment": b"GET /healthz#x HTTP/1.1",
    "fragment behind a query": b"GET /healthz?x#y HTTP/1.1",
    "NUL in the target": b"GET /healthz\x00 HTTP/1.1",
    "control byte in the target": b"GET /healthz\x01 HTTP/1.1",
    "DEL in the target": b"GET /healthz\x7f HTTP/1.1",
    "tab in the target": b"GET /health\tz HTTP/1.1",
    "raw UTF-8 in the target": "GET /healthz/é HTTP/1.1".encode(),
    "raw byte in the query": b"GET /healthz?\xff HTTP/1.1",
    "space in the target": b"GET /health z HTTP/1.1",
    "bare CR in the line": b"GET /healthz\rHTTP/1.1",
    "target of 70 KB": b"GET /" + b"x" * 70_000 + b" HTTP/1.1",
    "query of 200 KB": b"GET /healthz?" + b"x" * 200_000 + b" HTTP/1.1",
}

_TARGETS = {
    "long target": (b"/" + b"x" * 60_000, 404),
    "two slashes": (b"//healthz", 404),
    "another host's path": (b"//evil.example/healthz", 404),
    "dots": (b"/x/../healthz", 404),
    "encoded dots": (b"/x/%2e%2e/healthz", 404),
    "backslashes": (b"/..\\healthz", 404),
    "slash behind": (b"/healthz/", 404),
    "encoded NUL": (b"/healthz%00", 404),
    "encoded slash": (b"/%2Fhealthz", 404),
    "broken encoding": (b"/healthz%", 404),
    "wrong encoding": (b"/healthz%zz", 404),
    "encoded newline": (b"/healthz%0d%0ax: y", 400),
    "encoded newlines": (b"/healthz%0d%0a", 404),
    "path of the partner's, encoded, without keys": (b"/api%2Fv1/partner/calls/x", 401),
    "absolute form, which a server must take": (b"http://evil.example/healthz", 200),
    "encoded letter, which is that letter": (b"/health%7A", 200),
    "query that says nothing": (b"/healthz?%00&&==%ff", 200),
}

_IDS = {
    "NUL": b"%00",
    "NUL inside": b"a%00b",
    "not UTF-8": b"%ff",
    "overlong slash": b"%c0%af",
    "surrogate": b"%ed%a0%80",
    "half an escape": b"%",
    "no escape": b"%zz",
    "dots": b"../../../etc/passwd",
    "encoded dots": b"%2e%2e%2fx",
    "SQL": b"'%20OR%20'1'='1",
    "format": b"%25s%25n",
    "emoji": b"%F0%9F%98%80",
    "newline": b"%0d%0aset-cookie:%20x",
    "60 KB": b"x" * 60_000,
    "nothing": b"",
}

_BAD_HEADERS = {
    "no colon": (b"abc",),
    "nothing but a colon": (b":",),
    "empty name": (b": x",),
    "space before the colon": (b"x : y",),
    "tab before the colon": (b"x\t: y",),
    "space in the name": (b"x y: z",),
    "folded": (b"x: y", b" z"),
    "folded by a tab": (b"x: y", b"\tz"),
    "folded on the first line": (b" x: y",),
    "NUL in the name": (b"x\x00: y",),
    "NUL in the value": (b"x: y\x00z",),
    "bare CR in the value": (b"x: y\rz: 1",),
    "bare LF in the value": (b"x: y\nz: 1",),
    "control byte in the value": (b"x: \x01",),
    "DEL in the value": (b"x: \x7f",),
    "byte in the name": (b"x\xff: y",),
    "parenthesis in the name": (b"x(y): z",),
    "Host twice": (b"host: h",),
    "another Host": (b"host: evil.example",),
    "101 headers": (b"x: y",) * 100,
    "10,000 headers": (b"x: y",) * 10_000,
    "header of 1 MB": (b"x: " + b"y" * 1_000_000,),
    "name of 100 KB": (b"x" * 100_000 + b": y",),
    "90 headers of 1 KB": (b"x: " + b"y" * 1_000,) * 90,
}

_HEADERS = {
    "tabs and bytes in a value": ((b"x:\t y\xff\tz \t",), 200),
    "empty value": ((b"x:", b"y: "), 200),
    "100 headers": ((b"x: y",) * 99, 200),
    "method override": ((b"x-http-method-override: DELETE", b"x-method-override: DELETE"), 200),
    "forwarded garbage": ((b"x-forwarded-for: \x80,,;'", b"x-forwarded-proto: \xff", b"forwarded: for=x"), 200),
    "range of a thousand parts": ((b"range: bytes=" + b"0-," * 1_000 + b"0-",), 200),
    "TE": ((b"te: trailers, gzip;q=x",), 200),
    "unknown expectation": ((b"expect: the-worst",), 200),
    "Expect without a body": ((b"expect: 100-continue",), 200),
    "Upgrade without Connection": ((b"upgrade: h2c",), 200),
}

_HOSTS = {
    "space": b"a b",
    "path": b"h/healthz",
    "list": b"a, b",
    "credentials": b"u@h",
    "quotes": b'"h"',
    "bytes": b"\xff",
    "no port": b"h:x",
    "bracket": b"[::1",
}


def _key_case(name: str, status: int, *lines: bytes) -> Case:
    head = b"GET /api/v1/partner/calls/x HTTP/1.1\r\n" + HOST
    return answered(name, status, head + b"".join(line + b"\r\n" for line in lines) + KEYS + b"\r\n")


START_LINES = [
    *(refused(name, _line(line)) for name, line in _BAD_LINES.items()),
    *(
        refused(f"target: {name}", _get(target)) if status == 400 else answered(f"target: {name}", status, _get(target))
        for name, (target, status) in _TARGETS.items()
    ),
    *(answered(f"id: {name}", 404, CALL % each) for name, each in _IDS.items()),
    refused("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    refused("bare LF for line ends", b"GET /healthz HTTP/1.1\nhost: h\n\n"),
    refused("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40)),
    refused("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
    refused("mail", b"EHLO example.com\r\n"),
    refused("proxy protocol", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + GOOD),
    refused("Redis", b"*1\r\n$4\r\nPING\r\n"),
    refused("bytes", bytes(range(256)) * 20),
    answered("two empty lines before, which one ignores", 200, b"\r\n\r\n" + GOOD),
    answered("OPTIONS for the server, which has nothing to say", 404, _line(b"OPTIONS * HTTP/1.1")),
    Case("HTTP/1.0 without a Host", (b"GET /healthz HTTP/1.0\r\n\r\n",), (200,)),
    Case("HTTP/1.0 that asks to go on", (b"GET /healthz HTTP/1.0\r\nconnection: keep-alive\r\n\r\n" + GOOD,), (200,)),
]

HEADERS = [
    *(refused(name, _with(*lines)) for name, lines in _BAD_HEADERS.items()),
    *(answered(name, status, _with(*lines)) for name, (lines, status) in _HEADERS.items()),
    *(refused(f"host: {name}", HEALTH + b"host: " + host + b"\r\n\r\n") for name, host in _HOSTS.items()),
    refused("no Host", HEALTH + b"\r\n"),
    refused("two Hosts in HTTP/1.0", b"GET /healthz HTTP/1.0\r\n" + HOST * 2 + b"\r\n"),
    answered("IPv6 Host", 200, HEALTH + b"host: [::1]:8000\r\n\r\n"),
    answered("empty Host", 200, HEALTH + b"host:\r\n\r\n"),
    _key_case("key twice", 403, b"x-api-key: x"),
    _key_case("secret twice", 403, b"x-api-secret: x"),
    _key_case("tenant twice", 403, b"x-tenant-id: other"),
    _key_case("subtenant twice", 403, b"x-sub-tenant-id: other"),
    _key_case("key and a look-alike", 404, b"x_api_key: x", b"x-api-key-: y"),
    _key_case("keys named as of one hop", 404, b"connection: keep-alive, x-api-key, x-tenant-id"),
    answered("look-alikes alone", 401, b"GET /api/v1/partner/calls/x HTTP/1.1\r\nhost: h\r\nx_api_key: a\r\n\r\n"),
    answered("blank keys", 401, CALL.replace(KEYS, b"x-api-key: \t \r\nx-api-secret:\r\n") % b"x"),
    answered("keys of bytes", 403, CALL.replace(KEYS, b"x-api-key: \xff\r\nx-api-secret: \xfe\r\n") % b"x"),
    answered("key of 50 KB", 403, CALL.replace(KEYS, b"x-api-key: %b\r\nx-api-secret: x\r\n" % (b"x" * 50_000)) % b"x"),
    Case("Connection: close", (_with(b"connection: keep-alive, close") + GOOD,), (200,)),
]

SEQUENCES = [
    Case("two at a time", (GOOD * 2,), (200, 200), stays_open=True),
    Case("200 at a time", (GOOD * 200,), (200,) * 200, stays_open=True),
    Case("an empty line between two", (GOOD + b"\r\n" + GOOD,), (200, 200), stays_open=True),
    Case("one, then garbage", (GOOD + b"\x00garbage\r\n\r\n",), (200, 400)),
    Case("many, then garbage", (GOOD * 30 + b"\x00garbage\r\n\r\n",), (*(200,) * 30, 400)),
    Case("garbage, then one", (b"\x00garbage\r\n\r\n" + GOOD,), (400,)),
    Case("one refused, then one", (CALL.replace(KEYS, b"") % b"x" + GOOD,), (401, 200), stays_open=True),
    Case(
        "one, then one with a broken chunk",
        (GOOD + b"POST /x HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",),
        (200, 400),
    ),
    Case("one, then one without a Host", (GOOD + HEALTH + b"\r\n",), (200, 400)),
    Case("one, then one without a version", (GOOD + _line(b"GET /healthz"),), (200, 400)),
    Case(
        "HTTP/2 by upgrade",
        (
            _with(b"connection: upgrade, http2-settings", b"upgrade: h2c", b"http2-settings: AAMAAABkAAQAAP__")
            + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ),
        (200,),
    ),
    Case(
        "WebSocket",
        (
            _with(
                b"connection: upgrade",
                b"upgrade: websocket",
                b"sec-websocket-version: 13",
                b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
            )
            + b"\x81\x85"
            + bytes(9),
        ),
        (200,),
    ),
    Case("upgrade, then one that is not looked at", (_with(b"connection: upgrade", b"upgrade: x"), GOOD), (200,)),
]
