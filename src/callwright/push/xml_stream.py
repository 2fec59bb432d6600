"""Reads XML as a stream, with an end to its depth, to every tag and to every text."""

from collections.abc import Iterator
from typing import IO, Generic, TypeVar
from xml.parsers.expat import ExpatError, ParserCreate

CHUNK = 64 * 1024
DEEPEST = 64
MOST_OF_A_TAG = 4 * 1024**2
"""Bytes of a tag or a comment: the parser keeps it until it ends."""

T = TypeVar("T")


class BadXml(Exception):
    """It is not well-formed, or goes beyond what a workbook may have."""


class Handler(Generic[T]):
    """Takes the parts of a document, by names without their prefixes, and puts what it makes of them into `found`."""

    def __init__(self) -> None:
        self.found: list[T] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take the start of an element."""

    def end(self, name: str) -> None:
        """Take the end of an element."""

    def text(self, piece: str) -> None:
        """Take a piece of a text."""


def found_in(part: IO[bytes], handler: Handler[T]) -> Iterator[T]:
    """What a handler finds, as it is found.

    Documents that declare a type or entities are refused: those of a workbook never do, and what entities stand for
    can be made to grow without end.

    Raises:
        BadXml: It cannot be gone on with.
    """
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise BadXml("its elements are nested too deep")
        handler.start(name.rpartition(":")[2], attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        handler.end(name.rpartition(":")[2])

    def doctype(*_: object) -> None:
        raise BadXml("it declares a document type")

    parser = ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = handler.text, doctype
    fed = 0
    try:
        while chunk := part.read(CHUNK):
            fed += len(chunk)
            parser.Parse(chunk, False)  # noqa: FBT003 - expat takes it by place only
            if fed - parser.CurrentByteIndex > MOST_OF_A_TAG:
                raise BadXml("one of its tags does not end")
            yield from handler.found
            handler.found.clear()
        parser.Parse(b"", True)  # noqa: FBT003 - likewise
    except ExpatError as error:
        raise BadXml(str(error)) from None
    yield from handler.found
