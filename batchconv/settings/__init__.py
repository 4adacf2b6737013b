"""Every option, written once, and where the value of each comes from."""
