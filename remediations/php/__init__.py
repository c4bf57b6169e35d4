"""PHP-FPM's capacity: its pools, what their workers take, and how many of them the memory holds."""
