"""The words the rooms share, and the two wires to Asterisk: AMI and FastAGI."""
