"""The HTTP API: read-only over the views. The only package that knows Litestar."""
