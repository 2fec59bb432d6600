"""`/console`: the pages of the operator, who logs in by a link that a command prints."""
