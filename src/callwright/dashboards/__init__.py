"""The pages that partners embed: server-rendered, opened by a token, framed by nobody whom the partner did not name."""
