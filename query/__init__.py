"""The views and the read-only API over them.

Nothing here yet. It imports none of the other packages.
"""
