"""Services on a multi-tenant CPU: queries, policies that give them cores, the event loop that runs them."""
