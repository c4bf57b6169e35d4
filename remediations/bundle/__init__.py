"""A diagnosis to carry away: the masked evidence of hosts in one file, and what is read from such a file again."""
