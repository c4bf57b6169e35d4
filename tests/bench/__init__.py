"""The bench: the toolkit's whole processes against one bare OpenSSH exec of the very same scripts."""
