"""The desk's pages about people: users of the account, keys of its programs, one's own password."""
