"""Chapter 5: batch norm and the dynamics of weight norms."""
