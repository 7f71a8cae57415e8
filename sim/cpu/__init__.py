"""The multi-tenant CPU: caches, cores, code versions of layers, and what tenants cost each other."""
