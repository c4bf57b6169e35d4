"""Finds out why a site answers 502, shows the exact cure, and applies it so that it undoes itself if that fails."""
