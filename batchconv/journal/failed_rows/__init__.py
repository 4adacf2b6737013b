"""The rows to be corrected: files that can be edited and uploaded again."""
