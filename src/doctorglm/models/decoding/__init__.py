"""What makes a token from weights in half precision, INT8 or INT4 as fast as a CPU's memory gives the weights."""
