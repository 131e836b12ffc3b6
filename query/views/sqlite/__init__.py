"""Views in SQLite: a folder on a local disk, shared by processes of one machine. See docs/views.md."""
