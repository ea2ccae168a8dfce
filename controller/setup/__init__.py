"""What `./huawu up` and `./huawu test` do before anything runs: find what is missing, get it."""
