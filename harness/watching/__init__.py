"""A run while it goes: lines, a live table, and the same from another terminal."""
