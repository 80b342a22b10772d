"""What is compared: each module runs a list of trials its own idiomatic way."""
