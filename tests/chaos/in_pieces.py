"""`callwright` to which every call is a long one, so that a test of what is kept of long calls takes seconds."""

from callwright import checkpoints
from callwright.cli import main
from callwright.transcription import pieces

if __name__ == "__main__":  # the engine's processes import this as well
    checkpoints.LONG_SECONDS = 1.0
    pieces.GROUP_SECONDS = 0.1
    main()
