"""A segmented, append-only log of record batches: bytes in, bytes out; it knows no GPU.

The layers, lowest first; each imports only those below it (checked by import-linter):

    commands > inspect > storage > record > errors, clock
"""
