"""What the API answers, a module for each family of paths."""
