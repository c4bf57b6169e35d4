"""The journeys that are about runs of the past: one file a verb, each of them a journey of one host."""
