"""Capacity: how much load a machine carries under each policy; runs, searches, and what is shown of them."""
