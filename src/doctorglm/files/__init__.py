"""What files hold, whatever they are: archives, encodings, formats, and what may be told of their names."""
