"""What a GPU tells: samples, the DCGM fields' catalogue, events, and their encoding."""
