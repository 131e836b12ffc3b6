"""`gputail group`: list and describe consumer groups, and set their offsets anew."""
