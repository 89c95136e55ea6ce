"""What stands in the way on this machine: checks that change nothing, each with what to do."""
