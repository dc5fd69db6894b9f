"""Chapter 2: what the size of the weights does to a signal on its way through depth."""
