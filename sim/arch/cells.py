"""The standard cells that circuits are counted in: their unit of area, and the multiplier of known energy.

Obeys: ``gscl45nm.lib``, the cells of Oklahoma State University for FreePDK45. `rtl.synthesis.cells` has the
cells themselves.
"""

NAND2_UM2 = 1.8772  # gscl45nm.lib, NAND2X1: the smallest NAND2, in square micrometers
MULTIPLIER_8B_NAND2 = 434  # an integer multiplier, 8 x 8 bits, in the same cells: its energy is published
