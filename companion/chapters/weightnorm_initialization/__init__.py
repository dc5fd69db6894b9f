"""Chapter 6: starting a network whose weights learn their directions and lengths apart."""
