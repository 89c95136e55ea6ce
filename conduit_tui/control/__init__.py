"""What the screens and the command line may ask, and the sockets it goes through."""
