"""What finds subjects and their objects on an encoder's states, a kind a file."""
