"""Chapter 1: where weights start.

After K. Sohrabi's slides (S), N section III, and the mean-field theory of wide networks.
"""
