"""Bodies that no honest client sends, and how they are framed, packed and named; and legal ones that look like them."""

import gzip
import json
import zlib

from partner_api import BATCH_CALL, a_batch, a_record
from security.raw_http import GOOD, KEYS, Case, answered, refused

POST = b"POST " + BATCH_CALL.encode() + b" HTTP/1.1\r\nhost: h\r\n"
MOST = 5 * 1024 * 1024
CHUNKED = b"transfer-encoding: chunked\r\n"
DECLARED = b"content-length: %d\r\n"


def _batch(call_id: str, **changes: object) -> bytes:
    return json.dumps(a_batch(a_record(call_id, **changes))).encode()


def _post(*lines: bytes, body: bytes = b"") -> bytes:
    return POST + KEYS + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def _whole(body: bytes, *lines: bytes) -> bytes:
    return _post(DECLARED[:-2] % len(body), *lines, body=body)


def _chunks(raw: bytes) -> bytes:
    return _post(CHUNKED[:-2], body=raw)


def _chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


LENGTHS = [
    *(
        refused(f"length {value!r}", _post(b"content-length: " + value, body=b"{}"))
        for value in (
            *(b"-1", b"+2", b"2 2", b"0x2", b"2, 2", b"2,2", b"2;", b"2.0", b"2e0", b"", b"x", b"\xb2", b"2_0", b"''"),
            *(b"18446744073709551616", b"99999999999999999999", b"9" * 5_000),
        )
    ),
    refused("two lengths", _post(b"content-length: 2", b"content-length: 3", body=b"{}")),
    refused("one length twice", _post(b"content-length: 2", b"content-length: 2", body=b"{}")),
    answered("length with blanks around it", 422, _post(b"content-length: \t2 \t", body=b"{}")),
    answered("length with zeros before it", 422, _post(b"content-length: 0002", body=b"{}")),
    answered("no length, no body", 400, _post()),
    answered("length 0", 400, _post(b"content-length: 0")),
    Case("no length but a body", (_post(body=b'{"data": []}\r\n\r\n'),), (400, 400)),
    Case("length too short", (_post(b"content-length: 5", body=b'{"data": []}\r\n\r\n'),), (400, 400)),
    Case(
        "a request behind a short body", (_post(b"content-length: 2", body=b"{}" + GOOD),), (422, 200), stays_open=True
    ),
    answered("a body for GET", 404, b"GET /x HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}"),
    Case("huge length and no body, without keys", (POST + b"content-length: 9223372036854775807\r\n\r\n",), (401,)),
]

CODINGS = [
    *(
        refused(f"coding {value!r}", _post(b"transfer-encoding: " + value, body=b"2\r\n{}\r\n0\r\n\r\n"))
        for value in (
            *(b"chunked, chunked", b"xchunked", b"chunkedx", b"chunked, identity", b"identity", b"identity, chunked"),
            *(b"gzip", b"gzip, chunked", b"chunked, gzip", b"chunked;x=y", b'"chunked"', b",chunked", b"chunked,"),
            *(b"chunked\t", b"\x0bchunked", b"\xa0chunked", b"chunked\x00", b"", b"c hunked"),
        )
    ),
    refused("chunked twice", _post(b"transfer-encoding: chunked", b"transfer-encoding: chunked", body=b"0\r\n\r\n")),
    refused("gzip and chunked apart", _post(b"transfer-encoding: gzip", CHUNKED[:-2], body=b"0\r\n\r\n")),
    refused("coding, then length", _post(CHUNKED[:-2], b"content-length: 2", body=b"2\r\n{}\r\n0\r\n\r\n" + GOOD)),
    refused("length, then coding", _post(b"content-length: 2", CHUNKED[:-2], body=b"2\r\n{}\r\n0\r\n\r\n" + GOOD)),
    refused("length 0, then coding", _post(b"content-length: 0", CHUNKED[:-2], body=b"2\r\n{}\r\n0\r\n\r\n")),
    refused("space before the colon", _post(b"transfer-encoding : chunked", body=b"2\r\n{}\r\n0\r\n\r\n")),
    refused("folded", _post(b"transfer-encoding:", b" chunked", body=b"2\r\n{}\r\n0\r\n\r\n")),
    refused("in HTTP/1.0", b"POST /x HTTP/1.0\r\n" + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n"),
    Case("a look-alike", (_post(b"transfer_encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n"),), (400, 400)),
    answered("blanks around it", 422, _post(b"transfer-encoding: \t chunked ", body=b"2\r\n{}\r\n0\r\n\r\n")),
    answered("in capitals", 422, _post(b"TRANSFER-ENCODING: CHUNKED", body=b"2\r\n{}\r\n0\r\n\r\n")),
]

CHUNKS = [
    *(
        refused(f"chunk {raw[:20]!r}", _chunks(raw))
        for raw in (
            *(b"zz\r\n{}\r\n0\r\n\r\n", b"-2\r\n{}\r\n0\r\n\r\n", b"+2\r\n{}\r\n0\r\n\r\n", b"0x2\r\n{}\r\n0\r\n\r\n"),
            *(b"\r\n{}\r\n0\r\n\r\n", b" 2\r\n{}\r\n0\r\n\r\n", b"2 \r\n{}\r\n0\r\n\r\n", b";x\r\n{}\r\n0\r\n\r\n"),
            *(b"FFFFFFFFFFFFFFFFF\r\n{}", b"10000000000000002\r\n{}\r\n0\r\n\r\n", b"2\n{}\r\n0\r\n\r\n"),
            *(b"2\r{}\r\n0\r\n\r\n", b"2\r\n{}\n0\r\n\r\n", b"2\r\n{}0\r\n\r\n", b"2\r\n{}x\r\n0\r\n\r\n"),
            *(b"1\r\n{}\r\n0\r\n\r\n", b"2;x\n{}\r\n0\r\n\r\n", b"2;\x00\r\n{}\r\n0\r\n\r\n", b'2;x="\n"\r\n{}\r\n'),
            *(b"2\r\n{}\r\n0\r\nx\r\n\r\n", b"2\r\n{}\r\n0\r\n x: y\r\n\r\n", b"2\r\n{}\r\n0\r\nx: \x00\r\n\r\n"),
        )
    ),
    refused("extension of 600 KB", _chunks(b"2;" + b"x" * 600_000 + b"\r\n{}\r\n0\r\n\r\n")),
    refused("600 KB of zeros before a size", _chunks(b"0" * 600_000 + b"2\r\n{}\r\n0\r\n\r\n")),
    refused("600 KB of trailers", _chunks(b"2\r\n{}\r\n0\r\n" + b"x: y\r\n" * 100_000 + b"\r\n")),
    answered("extensions", 422, _chunks(b'2;a;b=c;d="e;\\"f"\r\n{}\r\n0;last\r\n\r\n')),
    answered("zeros before a size", 422, _chunks(b"0002\r\n{}\r\n000\r\n\r\n")),
    answered("size in capitals", 422, _chunks(b"A\r\n{        }\r\n0\r\n\r\n")),
    answered("trailers, which are dropped", 422, _chunks(b"2\r\n{}\r\n0\r\nx-tenant-id: other\r\nhost: h\r\n\r\n")),
    answered("keys in trailers, which are none", 401, POST + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n" + KEYS + b"\r\n"),
    answered(
        "a byte at a time",
        200,
        _chunks(b"".join(_chunk(bytes([each])) for each in _batch("bytes")) + b"0\r\n\r\n"),
        stored=1,
    ),
]

PACKINGS = [
    *(
        answered(f"packed as {name}", status, _whole(body, b"content-encoding: " + coding))
        for name, coding, status, body in (
            ("a gzip bomb", b"gzip", 413, gzip.compress(bytes(100 * 1024 * 1024), 6)),
            ("a deflate bomb", b"deflate", 413, zlib.compress(bytes(100 * 1024 * 1024), 6)),
            ("gzip of 5 MB and a byte", b"gzip", 413, gzip.compress(b" " * (MOST + 1))),
            ("gzip of 5 MB", b"gzip", 422, gzip.compress(b"{}" + b" " * (MOST - 2))),
            ("gzip in gzip, told", b"gzip, gzip", 415, gzip.compress(gzip.compress(b"{}"))),
            ("gzip in gzip, not told", b"gzip", 400, gzip.compress(gzip.compress(b"{}"))),
            ("gzip that is cut", b"gzip", 400, gzip.compress(_batch("cut"))[:-9]),
            ("gzip with something behind", b"gzip", 400, gzip.compress(b"{}") + b"x"),
            ("gzip twice over", b"gzip", 400, gzip.compress(b"{}") * 2),
            ("gzip with a wrong sum", b"gzip", 400, gzip.compress(b"{}")[:-8] + bytes(8)),
            ("gzip with an endless name", b"gzip", 400, b"\x1f\x8b\x08\x08" + bytes(6) + b"x" * 100_000),
            ("gzip that is none", b"gzip", 400, _batch("plain")),
            ("gzip of nothing", b"gzip", 400, b""),
            ("deflate that is raw", b"deflate", 400, zlib.compress(b"{}")[2:-4]),
            ("deflate that is gzip", b"deflate", 400, gzip.compress(b"{}")),
            ("brotli", b"br", 415, b"{}"),
            ("zstandard", b"zstd", 415, b"{}"),
            ("compress", b"compress", 415, b"{}"),
            ("anything", b"*", 415, b"{}"),
            ("gzip with a weight", b"gzip;q=1", 415, gzip.compress(b"{}")),
            ("bytes", b"\xff", 415, b"{}"),
        )
    ),
    answered("two packings", 415, _whole(b"{}", b"content-encoding: gzip", b"content-encoding: gzip")),
    answered("packed honestly", 200, _whole(gzip.compress(_batch("packed")), b"content-encoding: GZIP"), stored=1),
    answered("not packed, and told", 422, _whole(b"{}", b"content-encoding: identity")),
]

_JSON = {
    "100,000 brackets": (b"[" * 100_000, 400),
    "100,000 closed brackets": (b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    "100,000 braces": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400),
    "5 MB of brackets": (b"[" * MOST, 400),
    "NaN": (b'{"data": NaN}', 400),
    "Infinity": (b'{"data": [-Infinity]}', 400),
    "doubled name": (b'{"data": [], "data": []}', 400),
    "byte order mark": (b"\xef\xbb\xbf{}", 400),
    "UTF-16": (_batch("utf16").decode().encode("utf-16"), 400),
    "UTF-32": (_batch("utf32").decode().encode("utf-32-le"), 400),
    "lone surrogate": (rb'{"data": "\ud800"}', 400),
    "surrogate as bytes": (b'{"data": "\xed\xa0\x80"}', 400),
    "overlong NUL": (b'{"data": "\xc0\x80"}', 400),
    "U+0000": (_batch("nul\0nul"), 422),
    "U+0000 as a name of metadata": (_batch("nul", metadata={"\0": 1}), 422),
    "raw NUL": (b"\x00", 400),
    "number beyond numbers": (b'{"data": 1e999999}', 400),
    "number below numbers": (b'{"data": -1e999999}', 400),
    "exponent without end": (b'{"data": 1e' + b"9" * 100_000 + b"}", 400),
    "integer of 5,000 digits": (b'{"data": ' + b"9" * 5_000 + b"}", 400),
    "4 MB of digits": (b'{"data": ' + b"9" * 4_000_000 + b"}", 400),
    "4 MB of fraction": (b'{"data": 0.' + b"1" * 4_000_000 + b"}", 422),
    "null": (b"null", 422),
    "a number": (b"1", 422),
    "a text": (b'"data"', 422),
    "a list": (b"[]", 422),
    "a list of 100,000 lists": (b'{"data": [' + b"[]," * 99_999 + b"[]]}", 422),
    "100,000 names": (b"{" + b",".join(b'"%d":1' % each for each in range(100_000)) + b"}", 422),
    "100,000 names that are one": (b"{" + b",".join([b'"a":1'] * 100_000) + b"}", 400),
    "an id of 4 MB": (_batch("x" * 4_000_000), 422),
    "metadata of 100,000 names": (_batch("m", metadata={str(each): 1 for each in range(100_000)}), 422),
    "a callback to a script": (_batch("s", callback_url="javascript:alert(1)"), 422),
    "5 MB and a byte": (b"{}" + b" " * (MOST - 1), 413),
    "5 MB": (b"{}" + b" " * (MOST - 2), 422),
    "form": (b"data=%5B%5D", 400),
    "XML": (b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>', 400),
}

BODIES = [
    *(answered(name, status, _whole(body)) for name, (body, status) in _JSON.items()),
    answered("5 MB in chunks", 422, _chunks(_chunk(b"{}" + b" " * (MOST - 2)) + b"0\r\n\r\n")),
    answered("5 MB and a byte in chunks", 413, _chunks(_chunk(b"{}" + b" " * (MOST - 1)) + b"0\r\n\r\n")),
    answered(
        "number that is as good as 0",
        200,
        _whole(_batch("zero", metadata={"a": 1}).replace(b'"a": 1', b'"a": 1e-999999')),
        stored=1,
    ),
    answered(
        "names that mean something elsewhere",
        200,
        _whole(_batch("proto", metadata={"__proto__": "x", "__class__": 1})),
        stored=1,
    ),
]

MEDIA_TYPES = [
    *(
        answered(f"media type {value[:40]!r}", 415, _whole(b"{}", b"content-type: " + value))
        for value in (
            *(
                b"text/plain",
                b"application/x-www-form-urlencoded",
                b"multipart/form-data; boundary=x",
                b"application/xml",
            ),
            *(
                b"application/vnd.api+json",
                b"application/json, text/html",
                b"application/json; charset=utf-16",
                b";",
                b"*/*",
            ),
            *(b"application/json; charset=utf-16; charset=utf-8", b"\xff", b"x" * 50_000, b"application/json\xa0"),
            *(
                b"application/json; charset*=x; charset*0=y",
                b"application/json; charset*=utf-16''x",
                b"application/json; charset*0*=x''%ff",
                b"application/json; charset",
            ),
        )
    ),
    answered("two media types", 415, _whole(b"{}", b"content-type: application/json", b"content-type: text/plain")),
    answered(
        "one media type twice", 415, _whole(b"{}", b"content-type: application/json", b"content-type: application/json")
    ),
    answered("quoted charset", 422, _whole(b"{}", b'content-type: Application/JSON;charset="UTF-8"')),
    answered(
        "unknown parameters", 422, _whole(b"{}", b"content-type: application/json" + b"; a*0=b; a*x=c; =;;" * 100)
    ),
    answered("no media type", 422, _whole(b"{}")),
    Case(
        "a wait for leave to send, without keys", (POST + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n",), (401,)
    ),
]

ALL = {
    "lengths": LENGTHS,
    "codings": CODINGS,
    "chunks": CHUNKS,
    "packings": PACKINGS,
    "bodies": BODIES,
    "media types": MEDIA_TYPES,
}
