"""Real hosts for the tests: booted Debian systems in namespaces of their own, up in a second and thrown away."""
