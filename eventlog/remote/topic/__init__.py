"""`gputail topic`: list, create, describe and delete topics."""
