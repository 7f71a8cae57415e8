"""The machine `ant` for the commands."""
