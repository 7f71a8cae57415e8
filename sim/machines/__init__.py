"""What each machine supplies to the simulator, and the table of machines."""
