"""GPU telemetry: sources, the streamer that publishes them, the collector that folds the log into views.

Nothing here yet. Of the other packages it may import `eventlog.client` and the ports of `query.views`.
"""
