"""Replay: the views made again from the log.

bounds   what of the log is wanted, and where that is in each partition
plan     what would be read, and what the old build has that could not be made again
within   a subscription that ends where the bounds do
filling  one build filled from the log
silence  the end of a partition whose last records cannot be had
course   laps until the new build is as far as the old one, then the swap
report   what became of it
"""
