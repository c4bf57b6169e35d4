"""A host that lets us in and then misbehaves: whatever it does costs bounded time and memory and claims nothing."""
