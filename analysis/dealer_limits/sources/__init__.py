"""Raw files: the contract of each source, the files that hold it, what is found in them before staging."""
