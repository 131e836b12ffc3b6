"""What the broker does with a request: one file for each family of APIs."""
