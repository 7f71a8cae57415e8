"""Caches, exactly: every access of a trace goes through the sets and ways of many cores' hierarchies."""
