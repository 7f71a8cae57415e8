"""What the user gives and gets: files, signals, the command line. Standard library only."""
