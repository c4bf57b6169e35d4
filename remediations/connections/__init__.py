"""Ways to a host: `open_connection` gives the one that a target asks for."""
