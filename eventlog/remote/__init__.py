"""The verbs over a running broker: `gputail topic`, `gputail group` and `gputail tail`."""
