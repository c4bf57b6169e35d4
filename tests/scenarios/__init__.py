"""Outages as an on-call engineer meets them, made for real on real hosts: what is named, what is done about it."""
