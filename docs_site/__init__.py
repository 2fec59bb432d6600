"""The documentation as a site: the pages of `docs/`, what the code says of itself, and one strict build of both."""
