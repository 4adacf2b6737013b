"""A family: results files → what happened, for people: text, JSON, a page.

`make_report` reads the files once and in little memory, and the others show what it returns.
"""
