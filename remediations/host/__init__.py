"""What the facts of one host mean, taken together: who listens, who stands behind whom, what is newer than what."""
