"""Views: what people query, folded from the log; they can be thrown away and made anew."""
