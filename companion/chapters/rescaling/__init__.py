"""Chapter 3: weight decay against weight rescaling.

After N. Niehaus, U. Krumnack and G. Heidemann, *Weight Rescaling: Applying Initialization
Strategies During Training*, doi 10.3384/ecp208010 (N).
"""
